# One image for all roles. Its arguments select the role: `docker run pizzashop serve --role order`.
ARG BASE=python:3.12-slim-bookworm

FROM ${BASE} AS build
# A package index of your own, and the file with the certificates that it needs, if any.
ARG PIP_INDEX_URL
ARG PIP_CERT
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /source
RUN python3 -m venv /opt/build && python3 -m venv /opt/pizzashop
COPY deploy/requirements-build.txt deploy/requirements.txt ./
RUN /opt/build/bin/pip install --require-hashes -r requirements-build.txt
RUN /opt/pizzashop/bin/pip install --require-hashes -r requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY pizzashop pizzashop
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /opt/build . \
    && /opt/pizzashop/bin/pip install --no-deps /opt/build/*.whl \
    && /opt/pizzashop/bin/pip uninstall --yes pip

FROM ${BASE}
# The state directory must be writable. /tmp should be: Python puts large request bodies there.
RUN install -d -o 10001 -g 10001 -m 0700 /var/lib/pizzashop
COPY --from=build /opt/pizzashop /opt/pizzashop
# Each thread of a role would else get a heap of its own, in time.
ENV PATH=/opt/pizzashop/bin:/usr/local/bin:/usr/bin:/bin \
    PIZZASHOP_STATE_DIR=/var/lib/pizzashop \
    PIZZASHOP_CACHE_DIR=/tmp/pizzashop \
    PYTHONUNBUFFERED=1 \
    MALLOC_ARENA_MAX=2
USER 10001:10001
ENTRYPOINT ["pizzashop"]
CMD ["--help"]
