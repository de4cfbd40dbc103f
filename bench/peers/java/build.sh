#!/bin/sh
# Builds the Java program as $1/run.
set -eu
cd "$(dirname "$0")"
mvn --quiet --batch-mode -Dstyle.color=never -Dbuild="$1/target" compile
# The body is a call in every language: no compiler may look into it.
cat > "$1/run" <<end
#!/bin/sh
exec java -XX:CompileCommand=quiet \
    -XX:CompileCommand=dontinline,peers.Main::succeed \
    -cp "$1/target/classes:$1/target/dependency/*" peers.Main
end
chmod +x "$1/run"
