# syntax=docker/dockerfile:1
# The auditor in a container: small, not root, no secret inside.
#
#   docker build -t octopus-auditor .
#   docker run --read-only --tmpfs /tmp \
#     -v /etc/octopus-auditor:/etc/octopus-auditor:ro -v auditor-state:/var/lib/octopus-auditor octopus-auditor
#
# Secrets: mount them as files (docker secret, Kubernetes secret) and write file:/run/secrets/NAME in auditor.toml; do not
# pass them by -e, where "docker inspect" shows them.

ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
WORKDIR /source
RUN python -m venv /opt/octopus-auditor
COPY . .
# What was tested together, and compiled: what runs may write nowhere, so each start would compile everything again. By
# hash and not by time, since the times of files do not survive every registry.
RUN /opt/octopus-auditor/bin/pip install --no-cache-dir --no-compile --constraint constraints.txt . \
    && /opt/octopus-auditor/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/octopus-auditor/lib

FROM python:${PYTHON}-slim
# git and ssh write the history; FreeTDS (tdsodbc) is the ODBC driver for SQL Server that the distribution packages:
# use ?driver=FreeTDS&TDS_Version=7.4 in the database's URL.
RUN apt-get update \
    && apt-get install -y --no-install-recommends git openssh-client tdsodbc unixodbc \
    && rm -rf /var/lib/apt/lists/*

# Microsoft's ODBC driver 18 instead: its licence must be accepted by who builds the image, so it is not in here.
# Read it, then uncomment; use ?driver=ODBC+Driver+18+for+SQL+Server in the database's URL.
#
# RUN apt-get update \
#     && apt-get install -y --no-install-recommends curl \
#     && . /etc/os-release \
#     && curl -fsSLo /tmp/prod.deb "https://packages.microsoft.com/config/debian/${VERSION_ID}/packages-microsoft-prod.deb" \
#     && dpkg -i /tmp/prod.deb && rm /tmp/prod.deb \
#     && apt-get update \
#     && ACCEPT_EULA=Y apt-get install -y --no-install-recommends msodbcsql18 \
#     && apt-get purge -y --auto-remove curl \
#     && rm -rf /var/lib/apt/lists/*

RUN useradd --system --uid 10001 --home-dir /var/lib/octopus-auditor --create-home --shell /usr/sbin/nologin auditor
COPY --from=build /opt/octopus-auditor /opt/octopus-auditor
ENV PATH=/opt/octopus-auditor/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1

USER 10001
WORKDIR /var/lib/octopus-auditor
VOLUME /var/lib/octopus-auditor
# The daemon undoes an open maintenance window on SIGTERM; give it time: docker stop --time 120.
STOPSIGNAL SIGTERM
# With [metrics] listen = "127.0.0.1:9823" add:
# HEALTHCHECK CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9823/healthz', timeout=5)"]
ENTRYPOINT ["auditor"]
CMD ["run", "--config", "/etc/octopus-auditor/auditor.toml"]
