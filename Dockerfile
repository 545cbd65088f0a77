# syntax=docker/dockerfile:1
# Andon as an image: `docker build -t andon .`, or `docker compose up -d` with docker-compose.yml. See docs/container.md.
ARG PYTHON=3.12-slim

FROM python:${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
# dependencies first: they change less often than the sources, so this layer stays in the cache
COPY requirements.lock requirements-runtime.lock requirements-opcua.txt ./
RUN python -m venv --without-pip /opt/andon \
    && python -m pip --python /opt/andon/bin/python install \
        --require-hashes --no-deps --only-binary=:all: -r requirements-runtime.lock \
    # the build tool, in the version the lock names, stays in this stage
    && awk '/^[a-z]/ { keep = /^setuptools==/ } keep' requirements.lock > build.lock \
    && python -m pip install --require-hashes --no-deps -r build.lock
COPY pyproject.toml README.md LICENSE THIRD-PARTY.md ./
COPY src ./src
# extras that the runtime lock leaves out, such as EXTRAS=parquet,embedded: what is installed was fetched by the lock's hashes
ARG EXTRAS=
RUN python -m pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && python -m pip --python /opt/andon/bin/python install --no-deps /wheels/andon-*.whl \
    && if [ -n "$EXTRAS" ]; then \
        python -m pip download --require-hashes --no-deps --only-binary=:all: -r requirements.lock --dest /locked \
        && case ",$EXTRAS," in *,opcua,*) \
            python -m pip download --require-hashes --no-deps --only-binary=:all: -r requirements-opcua.txt --dest /locked ;; \
        esac \
        && python -m pip --python /opt/andon/bin/python install --no-index --find-links /locked "andon[$EXTRAS]"; \
    fi \
    && python -m pip --python /opt/andon/bin/python check \
    && /opt/andon/bin/andon version

FROM python:${PYTHON}
LABEL org.opencontainers.image.title="Andon" \
      org.opencontainers.image.description="Stores every error log of a manufacturing site, explains each problem once, and keeps the fixes." \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.documentation="docs/container.md"
RUN groupadd --gid 10001 andon \
    && useradd --uid 10001 --gid andon --home-dir /data --no-create-home --shell /usr/sbin/nologin andon \
    && install -d -o andon -g andon -m 0700 /data
COPY --from=build /opt/andon /opt/andon
COPY --chmod=0755 container/andon container/andon-ready /usr/local/bin/
# The listeners face the container's network, so Andon demands credentials: container/andon makes them on first start.
ENV ANDON_DATA_DIR=/data \
    ANDON_HTTP_HOST=0.0.0.0 \
    ANDON_NATS_HOST=0.0.0.0 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 4222 8420
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=4 CMD ["andon-ready"]
ENTRYPOINT ["andon"]
CMD ["run"]
