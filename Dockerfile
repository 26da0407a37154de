# PostgreSQL's official image with cirro and pg_cron in it; docs/install.md says
# how to use it.
#
# The first stage does what Debian's package does (debian/rules), but for one
# version of PostgreSQL; the second takes its files alone.
ARG PG_MAJOR=17

FROM postgres:${PG_MAJOR} AS build
RUN apt-get update && \
	apt-get install -y --no-install-recommends make gcc libc6-dev "postgresql-server-dev-$PG_MAJOR"
COPY . /usr/src/cirro
RUN export PG_CONFIG="/usr/lib/postgresql/$PG_MAJOR/bin/pg_config" && \
	make -C /usr/src/cirro -j "$(nproc)" && \
	make -C /usr/src/cirro install DESTDIR=/opt/cirro

FROM postgres:${PG_MAJOR}
RUN apt-get update && \
	apt-get install -y --no-install-recommends "postgresql-$PG_MAJOR-cron" && \
	rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/cirro/ /
CMD ["postgres", "-c", "shared_preload_libraries=pg_cron", "-c", "cron.use_background_workers=on"]
