FROM python:3.11-slim AS build
RUN python -m venv /opt/ordersaga
ENV PATH=/opt/ordersaga/bin:$PATH
WORKDIR /src
COPY requirements.lock .
RUN pip install --no-cache-dir --require-hashes -r requirements.lock
COPY . .
RUN pip install --no-cache-dir --no-deps .

FROM python:3.11-slim
RUN useradd --system --uid 10001 --no-create-home ordersaga
COPY --from=build /opt/ordersaga /opt/ordersaga
ENV PATH=/opt/ordersaga/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001
ENTRYPOINT ["ordersaga"]
CMD ["run"]
