# Two images from one file:
#   docker build --target bot  -t fingerpost-bot .   the Slack side alone, without torch
#   docker build --target full -t fingerpost .       everything: trains and serves the model as well
# Both run as uid 10001, write to /data and /tmp only, and take a read-only root file system.

FROM python:3.11-slim AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
WORKDIR /src
ENV PATH=/opt/tools/bin:$PATH \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    UV_LINK_MODE=copy
COPY pyproject.toml requirements.lock ./
# The build's own tools come from the lock file, too.
RUN awk '/^[a-z0-9]/ { keep = /^(setuptools|uv)==/ } keep' requirements.lock > tools.lock \
    && python -m venv /opt/tools \
    && pip install --no-cache-dir --no-deps --require-hashes --requirement tools.lock
# The lock file holds the extras of developers as well: keep what each image needs, at the locked versions. A hash that
# is not in the lock file ends the build.
RUN cp requirements.lock bot.lock \
    && cp requirements.lock full.lock \
    && uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
       --no-emit-index-url --no-header --quiet --output-file bot.lock \
    && uv pip compile pyproject.toml --extra classifier --universal --python-version 3.11 --generate-hashes \
       --no-emit-index-url --no-header --quiet --output-file full.lock \
    && grep -o 'sha256:[0-9a-f]*' requirements.lock > known.hashes \
    && ! cat bot.lock full.lock | grep -o 'sha256:[0-9a-f]*' | grep -vxFf known.hashes

FROM build AS wheel
COPY README.md LICENSE ./
COPY storage storage
COPY migrations migrations
COPY classifier classifier
COPY playground playground
COPY benchmarks benchmarks
COPY bot bot
RUN pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /dist .

FROM build AS bot-environment
RUN --mount=type=cache,target=/root/.cache/uv \
    uv venv --python /usr/local/bin/python /opt/fingerpost \
    && uv pip sync --python /opt/fingerpost/bin/python --require-hashes --compile-bytecode bot.lock
RUN --mount=type=bind,from=wheel,source=/dist,target=/dist \
    uv pip install --python /opt/fingerpost/bin/python --no-deps --compile-bytecode /dist/*.whl

FROM build AS full-environment
RUN --mount=type=cache,target=/root/.cache/uv \
    uv venv --python /usr/local/bin/python /opt/fingerpost \
    && uv pip sync --python /opt/fingerpost/bin/python --require-hashes --compile-bytecode full.lock
RUN --mount=type=bind,from=wheel,source=/dist,target=/dist \
    uv pip install --python /opt/fingerpost/bin/python --no-deps --compile-bytecode /dist/*.whl

FROM python:3.11-slim AS runtime
LABEL org.opencontainers.image.title="Fingerpost" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 fingerpost \
    && useradd --uid 10001 --gid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin fingerpost \
    && install --directory --owner 10001 --group 10001 --mode 0700 /data
ENV PATH=/opt/fingerpost/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    FINGERPOST_DATABASE_URL=sqlite+aiosqlite:////data/fingerpost.db \
    FINGERPOST_CLASSIFIER_MODEL_HOME=/data/models \
    HF_HOME=/data/huggingface \
    MPLCONFIGDIR=/tmp/matplotlib
WORKDIR /data
USER 10001:10001
# True for every role with a database. `fingerpost classifier` has none: docker-compose.yml asks its /readyz.
HEALTHCHECK --interval=60s --timeout=15s --start-period=60s --retries=3 \
    CMD ["sh", "-c", "fingerpost db check || exit 1"]
ENTRYPOINT ["fingerpost"]

FROM runtime AS bot
COPY --from=bot-environment /opt/fingerpost /opt/fingerpost
EXPOSE 3000
CMD ["bot"]

FROM runtime AS full
COPY --from=full-environment /opt/fingerpost /opt/fingerpost
EXPOSE 3000 8600
CMD ["run"]
