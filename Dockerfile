# Built without an argument: `docker build -t fluxgate .`. The final image holds Python, one virtual environment and
# nothing that installs or compiles; the schema comes to be with `fluxgate migrate`.

FROM python:3.13-slim AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_NO_INPUT=1 \
    PIP_ROOT_USER_ACTION=ignore

WORKDIR /build

# What changes seldom comes first: these layers stay as they are until a lock file changes.
COPY requirements/deploy.txt deploy/build.txt ./
RUN python -m venv --without-pip /opt/fluxgate \
    && python -m pip --python /opt/fluxgate/bin/python install --require-hashes --only-binary=:all: -r deploy.txt
RUN python -m pip install --require-hashes --only-binary=:all: -r build.txt

COPY pyproject.toml README.md ./
COPY app ./app
COPY migrations ./migrations
RUN python -m pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && python -m pip --python /opt/fluxgate/bin/python install --no-deps --no-index /wheels/fluxgate-*.whl


FROM python:3.13-slim

# pip is a tool of the build; the user has a fixed number, so that volumes and policies can name it.
RUN python -m pip uninstall --yes --root-user-action=ignore pip \
    && groupadd --gid 10001 fluxgate \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/fluxgate --shell /usr/sbin/nologin fluxgate \
    && install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/fluxgate

COPY --from=build /opt/fluxgate /opt/fluxgate

ENV PATH=/opt/fluxgate/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    FLUXGATE_DATA_DIR=/var/lib/fluxgate \
    FLUXGATE_LOG_FORMAT=json

# Only the pepper of an installation without FLUXGATE_KEY_PEPPER is ever written here.
WORKDIR /var/lib/fluxgate
USER 10001:10001

EXPOSE 8000
STOPSIGNAL SIGTERM

# Straight to this container, whatever proxy the environment names.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 CMD ["python", "-I", "-c", "from urllib.request import ProxyHandler, build_opener; build_opener(ProxyHandler({})).open('http://127.0.0.1:8000/livez', timeout=2)"]

ENTRYPOINT ["fluxgate"]
CMD ["serve", "--host", "0.0.0.0"]
