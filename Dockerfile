# A static binary on an empty base: no shell, no libraries, nobody but uid 65534.

FROM rust:1.95-slim-bookworm AS build
# A C compiler and make for the crypto library and the allocator; glibc is linked statically.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates gcc libc6-dev make \
    && rm -rf /var/lib/apt/lists/*
RUN cargo install cargo-cyclonedx --locked --version 0.5.9
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY .cargo .cargo
COPY src src
COPY benches benches
COPY deploy/sbom deploy/sbom
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo --config .cargo/dist.toml build --locked --profile dist --no-default-features --bin kube-vitals \
    && cp target/*-linux-gnu/dist/kube-vitals /kube-vitals \
    && bash deploy/sbom /kube-vitals.cdx.json

FROM scratch
# Only for collectors of traces behind https; the cluster's own authority comes with the pod.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /kube-vitals /kube-vitals
# What it is made of, for scanners.
COPY --from=build /kube-vitals.cdx.json /kube-vitals.cdx.json
USER 65534:65534
EXPOSE 8080
ENTRYPOINT ["/kube-vitals"]
CMD ["serve"]
