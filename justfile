# The commands of daily work. `just` lists them; each can also be typed by hand.

_list:
    @just --list

# A simulated cluster, served; prints what to try
demo *ARGS:
    cargo run --release -- demo {{ARGS}}

# Everything that needs nothing but Rust
test *ARGS:
    cargo test {{ARGS}}

fmt:
    cargo fmt

# What CI refuses: format, warnings, licences
lint:
    cargo fmt --check
    cargo clippy --locked --all-targets -- --deny warnings
    cargo deny --offline check bans licenses sources

# The documentation, private items included
doc:
    RUSTDOCFLAGS='--deny warnings' cargo doc --locked --no-deps --document-private-items

# Write docs/flags.md anew after a flag changed
flags:
    UPDATE_DOCS=1 cargo test --test it flags

# Behind a real kube-apiserver; needs Go, and Python for two trials
e2e:
    bash tests/controlplane/build
    bash tests/clients/install
    cargo test --locked --release --test e2e

# Usage in real Prometheus and VictoriaMetrics; needs their Debian packages
engines:
    cargo test --locked --test engines

# With one real kubelet; needs Go, root and Debian packages
kubelet:
    bash tests/kubelet/install
    bash tests/controlplane/build
    cargo test --locked --release --test kubelet

bench *ARGS:
    cargo bench {{ARGS}}

# Everything that must hold before a change lands
ci:
    bash .ci/run
