#!/bin/sh
# Installs the Python program into $1, as $1/run.
set -eu
cd "$(dirname "$0")"
python3 -m venv "$1/venv"
"$1/venv/bin/pip" --quiet --disable-pip-version-check install \
    --require-hashes --only-binary :all: -r requirements.txt
cp ./*.py "$1"
cat > "$1/run" <<end
#!/bin/sh
exec "$1/venv/bin/python" "$1/main.py"
end
chmod +x "$1/run"
