# One image for every service of docker-compose.yml: the same Python packages, Java and jars, by the
# same checksums, as the stack on one machine.
FROM python:3.11.14-slim-bookworm

RUN useradd --create-home --uid 1000 assay \
    && mkdir --parents /var/lib/assay \
    && chown assay /var/lib/assay
WORKDIR /opt/assay
COPY requirements/uv.txt requirements/dashboard.txt requirements/
RUN pip install --no-cache-dir --require-hashes --requirement requirements/uv.txt \
    && uv pip install --system --no-cache --require-hashes --compile-bytecode \
        --requirement requirements/dashboard.txt
COPY stack stack
ENV ASSAY_CACHE=/opt/assay-cache ASSAY_STATE=/var/lib/assay PYTHONUNBUFFERED=1
RUN python -m stack jars
COPY . .

USER assay
CMD ["python", "-m", "stack", "--help"]
