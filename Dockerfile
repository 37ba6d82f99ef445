# syntax=docker/dockerfile:1
ARG PYTHON=python:3.13-slim

FROM ${PYTHON} AS build
WORKDIR /opt/aegis
COPY requirements.lock requirements-rampart.lock ./
RUN python -m venv .venv \
    && .venv/bin/python -m pip install --no-cache-dir --require-hashes -r requirements.lock \
    && .venv/bin/python -m pip install --no-cache-dir --require-hashes --no-deps \
       -r requirements-rampart.lock
COPY addons addons
COPY control control
COPY ledger ledger
COPY redaction redaction
COPY rules rules
COPY LICENSE NOTICE .
RUN echo /opt/aegis > "$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/aegis.pth" \
    && printf '#!/opt/aegis/.venv/bin/python -P\nimport sys\n\nfrom control.cli import main\n\nsys.exit(main())\n' > .venv/bin/aegis \
    && chmod 755 .venv/bin/aegis \
    && .venv/bin/python -m compileall -q addons control ledger redaction rules

FROM ${PYTHON}
RUN useradd --system --uid 10001 --home-dir /var/lib/aegis --shell /usr/sbin/nologin aegis \
    && install -d -o aegis -g aegis -m 0700 /var/lib/aegis
COPY --from=build /opt/aegis /opt/aegis
ENV AEGIS_HOME=/var/lib/aegis \
    PATH=/opt/aegis/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER aegis
VOLUME /var/lib/aegis
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["aegis", "status"]
ENTRYPOINT ["aegis"]
CMD ["up", "--host", "0.0.0.0"]
