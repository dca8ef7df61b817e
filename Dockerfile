# tweetstyle with its locked packages, for an NVIDIA card and driver 580 or later. compose.yaml runs it beside Ollama: docs/docker.md
FROM nvidia/cuda:13.0.2-runtime-ubuntu24.04

# Triton compiles its driver before its first kernel: with a C compiler and Python's headers. Ubuntu removes old versions of packages
# from its archive, so that a pinned one could not be installed for long.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates gcc libc6-dev make python3 python3-dev python3-venv \
    && rm -rf /var/lib/apt/lists/*

# turing: for an RTX 20, GTX 16 or T4, whose packages are for CUDA 12
ARG CARD=""
# yours (id -u), so that what a run writes belongs to you; Ubuntu's image has a user 1000 already
ARG USER_ID=1000
# another package index than PyPI
ARG PIP_INDEX_URL=""
RUN if id ubuntu >/dev/null 2>&1; then userdel --remove ubuntu; fi \
    && useradd --no-log-init --create-home --uid "$USER_ID" tweetstyle \
    && install -d -o tweetstyle /opt/tweetstyle
USER $USER_ID
WORKDIR /opt/tweetstyle
ENV PATH="/opt/tweetstyle/.venv/bin:$PATH" PIP_NO_CACHE_DIR=1 UV_NO_CACHE=1

# The packages are a layer of their own: they stay when the program changes.
COPY --chown=tweetstyle Makefile requirements.lock requirements-turing.lock ./
RUN make CARD="$CARD" ".venv/.locked${CARD:+-$CARD}"
COPY --chown=tweetstyle LICENSE README.md pyproject.toml setup.cfg ./
COPY --chown=tweetstyle scripts scripts
COPY --chown=tweetstyle tweetstyle tweetstyle
RUN make CARD="$CARD" setup && mkdir data model export recipes

CMD ["tweetstyle", "--help"]
