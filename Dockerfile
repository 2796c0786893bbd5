# A static binary on an empty base: no shell, no libraries, nobody but uid 65534.

FROM rust:1.95-alpine AS build
# A C compiler for the crypto library and the allocator; the musl target links statically.
RUN apk add --no-cache build-base ca-certificates linux-headers
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY src src
COPY benches benches
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --profile dist --bin kube-vitals \
    && cp target/dist/kube-vitals /kube-vitals

FROM scratch
# Only for collectors of traces behind https; the cluster's own authority comes with the pod.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /kube-vitals /kube-vitals
USER 65534:65534
EXPOSE 8080
ENTRYPOINT ["/kube-vitals"]
CMD ["serve"]
