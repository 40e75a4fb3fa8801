ARG PYTHON=3.11.14-slim-bookworm

FROM python:${PYTHON} AS build
WORKDIR /src
RUN python -m venv --without-pip /opt/ordersaga && python -m venv --without-pip /opt/build
COPY requirements.lock requirements-build.lock ./
RUN pip --python /opt/ordersaga/bin/python install --no-cache-dir --require-hashes -r requirements.lock \
    && pip --python /opt/build/bin/python install --no-cache-dir --require-hashes -r requirements-build.lock
COPY . .
# The package itself: with migrations and contracts, without what runs Kafka and Postgres on a developer's machine.
RUN pip --python /opt/build/bin/python wheel --no-cache-dir --no-index --no-deps --no-build-isolation --wheel-dir /opt/wheel . \
    && pip --python /opt/ordersaga/bin/python install --no-cache-dir --no-index --no-deps /opt/wheel/*.whl \
    && rm -r /opt/ordersaga/lib/python*/site-packages/ordersaga_local

FROM python:${PYTHON}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="ordersaga" \
      org.opencontainers.image.description="Carries out at the payment provider what happened to an order in the shop, exactly once." \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
RUN groupadd --gid 10001 ordersaga \
    && useradd --uid 10001 --gid 10001 --no-log-init --no-create-home --shell /usr/sbin/nologin ordersaga
COPY --from=build /opt/ordersaga /opt/ordersaga
ENV PATH=/opt/ordersaga/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
WORKDIR /tmp
USER 10001:10001
# The process gets SIGTERM itself, and stops within ORDERSAGA_SHUTDOWN_TIMEOUT.
ENTRYPOINT ["ordersaga"]
CMD ["run"]
