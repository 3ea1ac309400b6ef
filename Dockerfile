FROM python:3.13-slim-trixie AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/points
WORKDIR /src

# The dependencies change less often than the code: they have a layer of their own.
COPY requirements/build.txt requirements/runtime.txt requirements/
RUN pip install --require-hashes --only-binary :all: -r requirements/build.txt \
    && /opt/points/bin/pip install --require-hashes --only-binary :all: -r requirements/runtime.txt

COPY pyproject.toml README.md LICENSE ./
COPY points_core points_core
COPY bot bot
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /opt/points/bin/pip install --no-deps /wheels/*.whl


# An SQLite of the image's own: Debian trixie's 3.46.1 has the WAL-reset bug (https://sqlite.org/wal.html), which
# 3.51.3 mends. The switches are Debian's, as far as the books or Python use them.
FROM python:3.13-slim-trixie AS sqlite

ADD --checksum=sha256:acb1e6f5d832484bf6d32b681e858c38add8b2acdfd42ac5df24b8afb46552b4 https://www.sqlite.org/2026/sqlite-amalgamation-3510300.zip /src/sqlite.zip
WORKDIR /src
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && python -m zipfile -e sqlite.zip . \
    && gcc -O2 -shared -fPIC -Wl,-soname,libsqlite3.so.0 -DSQLITE_THREADSAFE=1 -DSQLITE_SECURE_DELETE \
        -DSQLITE_ENABLE_COLUMN_METADATA -DSQLITE_ENABLE_DBSTAT_VTAB -DSQLITE_ENABLE_FTS5 \
        -DSQLITE_ENABLE_MATH_FUNCTIONS -DSQLITE_ENABLE_RTREE -DSQLITE_MAX_VARIABLE_NUMBER=250000 \
        -o libsqlite3.so.0 sqlite-amalgamation-3510300/sqlite3.c -lm


FROM python:3.13-slim-trixie

# pg_dump and pg_restore, for backups of compose.yaml's server: Debian's own, so of Debian trixie's version
RUN apt-get update \
    && apt-get install --yes --no-install-recommends postgresql-client-17 \
    && rm -rf /var/lib/apt/lists/*
RUN groupadd --system --gid 10001 points \
    && useradd --system --uid 10001 --gid points --home-dir /data --no-create-home --shell /usr/sbin/nologin points \
    && install -d -o points -g points -m 0750 /data
COPY --from=build /opt/points /opt/points
# /usr/local/lib comes before Debian's own; a build that still finds the old one stops here
COPY --from=sqlite /src/libsqlite3.so.0 /usr/local/lib/
RUN ldconfig && python -c "import sqlite3; assert sqlite3.sqlite_version == '3.51.3', sqlite3.sqlite_version"

# The programs themselves: what Debian puts into /usr/bin is a script that looks for local servers first
ENV PATH=/opt/points/bin:/usr/lib/postgresql/17/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MPLCONFIGDIR=/tmp/matplotlib \
    POINTS_DATABASE_URL=sqlite:////data/points.db
WORKDIR /data
VOLUME /data
# By number, so that a host can tell that it is not root
USER 10001:10001

STOPSIGNAL SIGTERM
HEALTHCHECK --interval=60s --timeout=10s --start-period=30s --retries=3 CMD ["points-bot", "health"]
ENTRYPOINT ["points-bot"]
CMD ["run"]
