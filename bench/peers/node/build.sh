#!/bin/sh
# Installs the Node program into $1, as $1/run.
set -eu
cd "$(dirname "$0")"
cp package.json package-lock.json ./*.js "$1"
(cd "$1" && npm ci --silent --ignore-scripts)
cat > "$1/run" <<end
#!/bin/sh
exec node "$1/main.js"
end
chmod +x "$1/run"
