# Both images: `docker build --target source-mailchimp .` and `docker build --target destination-mailchimp .`
# (`make images` builds and names them). Nothing in here needs BuildKit.
#
# A container runs as uid 1000, needs no capability and writes to its temporary folder only:
#   docker run --read-only --tmpfs /tmp --cap-drop ALL …
ARG BASE_IMAGE=python:3.11-slim-bookworm

# What builds the packages and fills the environments. None of it gets into an image.
FROM ${BASE_IMAGE} AS tools
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_QUIET=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY requirements/build.txt ./
# Pinned files are complete, so there is nothing to resolve: --no-deps.
RUN python -m venv tools && tools/bin/pip install --no-deps --require-hashes --requirement build.txt

# Without the tests of numpy and pandas, 30 MB. These two are here because airbyte-cdk asks for them;
# nothing imports them, so they need no bytecode either. All else is compiled: a container can't do it later.
FROM tools AS source-dependencies
COPY requirements/source.txt ./
RUN python -m venv --without-pip /opt/connector \
    && tools/bin/pip --python /opt/connector/bin/python install --no-compile --no-deps --require-hashes -r source.txt \
    && find /opt/connector -type d -name tests \( -path '*/numpy/*' -o -path '*/pandas/*' \) -prune -exec rm -r {} + \
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash -x '/(numpy|pandas)/' /opt/connector

FROM tools AS destination-dependencies
COPY requirements/destination.txt ./
RUN python -m venv --without-pip /opt/connector \
    && tools/bin/pip --python /opt/connector/bin/python install --no-compile --no-deps --require-hashes -r destination.txt \
    && find /opt/connector -type d -name tests \( -path '*/numpy/*' -o -path '*/pandas/*' \) -prune -exec rm -r {} + \
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash -x '/(numpy|pandas)/' /opt/connector

FROM tools AS wheels
COPY connector-cli connector-cli
COPY mailchimp-api mailchimp-api
COPY source-mailchimp source-mailchimp
COPY destination-mailchimp destination-mailchimp
RUN tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir wheels \
        ./connector-cli ./mailchimp-api ./source-mailchimp ./destination-mailchimp

# What both images stand on. Python's own images come without bytecode.
FROM ${BASE_IMAGE} AS runtime
RUN python -m compileall -q -j 0 --invalidation-mode unchecked-hash \
        -x '/(test|tests|site-packages|idlelib|lib2to3|ensurepip|turtledemo|tkinter)/' \
        "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')" \
    && (getent passwd 1000 >/dev/null || useradd --uid 1000 --user-group --create-home airbyte)
ENV PATH=/opt/connector/bin:$PATH PYTHONDONTWRITEBYTECODE=1
WORKDIR /airbyte

# The dependencies are a layer of their own, the same from release to release; the connector's own is small.
FROM runtime AS source-mailchimp
LABEL io.airbyte.name="mailchimp-connectors/source-mailchimp" \
      io.airbyte.version="0.1.0" \
      org.opencontainers.image.title="source-mailchimp" \
      org.opencontainers.image.description="Airbyte source for the Mailchimp Marketing API" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT"
COPY --from=source-dependencies /opt/connector /opt/connector
COPY LICENSE /opt/connector/
COPY --from=wheels /build/wheels/connector_cli-*.whl /build/wheels/mailchimp_api-*.whl \
    /build/wheels/source_mailchimp-*.whl /opt/connector/wheels/
RUN pip --disable-pip-version-check --python /opt/connector/bin/python install --quiet --root-user-action ignore \
        --no-compile --no-deps --no-index /opt/connector/wheels/*.whl \
    && pip --python /opt/connector/bin/python check \
    && python -m compileall -q --invalidation-mode unchecked-hash /opt/connector/lib/python3*/site-packages/*mailchimp* \
        /opt/connector/lib/python3*/site-packages/connector_cli \
    && rm -r /opt/connector/wheels
USER 1000:1000
ENV AIRBYTE_ENTRYPOINT="/opt/connector/bin/source-mailchimp"
ENTRYPOINT ["/opt/connector/bin/source-mailchimp"]

FROM runtime AS destination-mailchimp
LABEL io.airbyte.name="mailchimp-connectors/destination-mailchimp" \
      io.airbyte.version="0.1.0" \
      org.opencontainers.image.title="destination-mailchimp" \
      org.opencontainers.image.description="Airbyte destination that keeps Mailchimp contacts up to date" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT"
COPY --from=destination-dependencies /opt/connector /opt/connector
COPY LICENSE /opt/connector/
COPY --from=wheels /build/wheels/connector_cli-*.whl /build/wheels/mailchimp_api-*.whl \
    /build/wheels/destination_mailchimp-*.whl /opt/connector/wheels/
RUN pip --disable-pip-version-check --python /opt/connector/bin/python install --quiet --root-user-action ignore \
        --no-compile --no-deps --no-index /opt/connector/wheels/*.whl \
    && pip --python /opt/connector/bin/python check \
    && python -m compileall -q --invalidation-mode unchecked-hash /opt/connector/lib/python3*/site-packages/*mailchimp* \
        /opt/connector/lib/python3*/site-packages/connector_cli \
    && rm -r /opt/connector/wheels
USER 1000:1000
ENV AIRBYTE_ENTRYPOINT="/opt/connector/bin/destination-mailchimp"
ENTRYPOINT ["/opt/connector/bin/destination-mailchimp"]
