# One image for all roles. Its arguments select the role: `docker run pizzashop serve --role order`.
ARG BASE=python:3.12-slim-bookworm

FROM ${BASE} AS build
# A package index of your own, and the file with the certificates that it needs, if any.
ARG PIP_INDEX_URL
ARG PIP_CERT
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /source
RUN python3 -m venv /opt/build && python3 -m venv --without-pip /opt/pizzashop
COPY deploy/requirements-build.txt deploy/requirements.txt ./
# Without isolation: otherwise pip would fetch the tools of a build by itself, and check no hash.
RUN /opt/build/bin/pip install --require-hashes -r requirements-build.txt \
    && /opt/build/bin/pip wheel --require-hashes --no-build-isolation --wheel-dir wheels -r requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY pizzashop pizzashop
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir wheels . \
    && /opt/build/bin/pip --python /opt/pizzashop/bin/python install --no-index --no-deps wheels/*.whl

FROM ${BASE}
# The state directory must be writable. /tmp should be: Python puts large request bodies there.
RUN install -d -o 10001 -g 10001 -m 0700 /var/lib/pizzashop
COPY --from=build /opt/pizzashop /opt/pizzashop
# MALLOC_ARENA_MAX: without it, each thread of a role gets a heap of its own in time.
ENV PATH=/opt/pizzashop/bin:/usr/local/bin:/usr/bin:/bin \
    PIZZASHOP_STATE_DIR=/var/lib/pizzashop \
    PIZZASHOP_CACHE_DIR=/tmp/pizzashop \
    PYTHONUNBUFFERED=1 \
    MALLOC_ARENA_MAX=2
USER 10001:10001
ENTRYPOINT ["pizzashop"]
CMD ["--help"]
