# The image of one connector, for which it takes the connector's name and its version (`make images` gives both):
#   docker build --target connector --build-arg CONNECTOR=source-mailchimp --build-arg VERSION=… .
# The last target, simulator, is the simulator of Mailchimp. Nothing in here needs BuildKit.
#
# A container runs as uid 1000, needs no capability and writes to its temporary folder only:
#   docker run --read-only --tmpfs /tmp --cap-drop ALL …
ARG BASE_IMAGE=python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b
ARG CONNECTOR=source-mailchimp

# What builds the packages and fills the environments. None of it gets into an image.
FROM ${BASE_IMAGE} AS tools
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_QUIET=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY requirements/build.txt ./
# Pinned files are complete, so there is nothing to resolve: --no-deps.
RUN python -m venv tools && tools/bin/pip install --no-deps --require-hashes --requirement build.txt

# Everything is compiled here: a container can't do it later.
FROM tools AS dependencies
ARG CONNECTOR
COPY requirements/source.txt requirements/destination.txt ./
RUN python -m venv --without-pip /opt/connector \
    && tools/bin/pip --python /opt/connector/bin/python install --no-compile --no-deps --require-hashes \
        --requirement "${CONNECTOR%-mailchimp}.txt" \
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/connector

FROM tools AS wheels
ARG CONNECTOR
COPY . .
RUN tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir wheels \
        ./connector-cli ./mailchimp-api "./${CONNECTOR}"

# What every image stands on. Python's own images come without bytecode.
FROM ${BASE_IMAGE} AS runtime
RUN python -m compileall -q -j 0 --invalidation-mode unchecked-hash \
        -x '/(test|tests|site-packages|idlelib|lib2to3|ensurepip|turtledemo|tkinter)/' \
        "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')" \
    && (getent passwd 1000 >/dev/null || useradd --uid 1000 --user-group --create-home airbyte)
ENV PATH=/opt/connector/bin:$PATH PYTHONDONTWRITEBYTECODE=1
WORKDIR /airbyte

# The dependencies are a layer of their own, the same from release to release; the connector's own is small.
FROM runtime AS connector
ARG CONNECTOR
ARG VERSION
COPY --from=dependencies /opt/connector /opt/connector
COPY LICENSE /opt/connector/
COPY --from=wheels /build/wheels /opt/connector/wheels/
RUN pip --disable-pip-version-check --python /opt/connector/bin/python install --quiet --root-user-action ignore \
        --no-compile --no-deps --no-index /opt/connector/wheels/*.whl \
    && python -m compileall -q --invalidation-mode unchecked-hash /opt/connector/lib/python3*/site-packages/*mailchimp* \
        /opt/connector/lib/python3*/site-packages/connector_cli \
    && rm -r /opt/connector/wheels \
    && ln -s "${CONNECTOR}" /opt/connector/bin/connector \
    && installed=$(/opt/connector/bin/python -c "from importlib.metadata import version; print(version('airbyte-connectors-mailchimp-${CONNECTOR%-mailchimp}'))") \
    && if [ "${VERSION}" != "${installed}" ]; then echo "build with --build-arg VERSION=${installed}" >&2; exit 1; fi
LABEL io.airbyte.name="mailchimp-connectors/${CONNECTOR}" \
      io.airbyte.version="${VERSION}" \
      org.opencontainers.image.title="${CONNECTOR}" \
      org.opencontainers.image.description="Airbyte connector for the Mailchimp Marketing API" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="MIT"
USER 1000:1000
ENV AIRBYTE_ENTRYPOINT="/opt/connector/bin/connector"
ENTRYPOINT ["/opt/connector/bin/connector"]

# The simulator of Mailchimp, for tests of any client: it takes connections from outside its container.
FROM tools AS simulator-environment
COPY requirements/simulator.txt ./
COPY mailchimp-simulator mailchimp-simulator
RUN python -m venv --without-pip /opt/simulator \
    && tools/bin/pip --python /opt/simulator/bin/python install --no-deps --require-hashes --requirement simulator.txt \
    && tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir wheels ./mailchimp-simulator \
    && tools/bin/pip --python /opt/simulator/bin/python install --no-deps --no-index wheels/*.whl

FROM runtime AS simulator
COPY --from=simulator-environment /opt/simulator /opt/simulator
USER 1000:1000
EXPOSE 8080
ENTRYPOINT ["/opt/simulator/bin/mailchimp-simulator", "--host", "0.0.0.0", "--port", "8080"]
