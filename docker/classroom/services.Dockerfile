# What the classroom stands on, in one image: the hub, its proxy, PostgreSQL, the exchange, nginx in front, Prometheus.
# Each runs in a container of its own with its own rights (compose.yaml). The proxy, PostgreSQL and Prometheus are
# Debian's, so that its security updates reach them; the rest is pinned by hash.
ARG BASE=manyhands/base:bookworm-tools
FROM ${BASE} AS made
# A company's own certificate authorities, if the machine has any; needed only while building.
COPY authorities.pem /authorities.pem
RUN if [ -s /authorities.pem ]; then echo 'Acquire::https::CAInfo "/authorities.pem";' > /etc/apt/apt.conf.d/99build; fi \
 && apt-get update -q \
 # No database yet: one is made in the volume.
 && mkdir -p /etc/postgresql-common && echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf \
 && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends -q \
      ca-certificates node-configurable-http-proxy postgresql-15 \
 # PostgreSQL does without its compiler, which is a hundred megabytes.
 && rm -f /usr/lib/*/libLLVM-*.so* /usr/lib/postgresql/15/lib/llvmjit*.so \
 # Of Prometheus only the program: what its package depends on would be three times as large.
 && cd /var/tmp && apt-get download prometheus \
 && dpkg-deb --fsys-tarfile prometheus_*.deb | tar -xC / ./usr/bin/prometheus \
 && rm -rf prometheus_*.deb /var/lib/apt/lists/* /var/cache/apt/* /etc/apt/apt.conf.d/99build /authorities.pem \
 && printf 'jovyan:x:1000:1000::/tmp:/usr/sbin/nologin\n' >> /etc/passwd \
 && install -d -o 1000 -g 1000 /srv/exchange /srv/prometheus \
 && install -d -o root -g root /srv/hub \
 && install -d -o postgres -g postgres /srv/database /run/postgresql
# By these labels this clone finds what an earlier build of it left.
ARG CLONE=""
LABEL manyhands.stage=1 manyhands.clone=${CLONE}
# Without this step the certificates would stay in a layer underneath.
FROM scratch
COPY --from=made / /
COPY env /opt/manyhands/env
RUN /opt/manyhands/env/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/manyhands/env || true
COPY code /opt/manyhands/code
COPY classroom /opt/manyhands/classroom
ENV PATH=/opt/manyhands/env/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONDONTWRITEBYTECODE=1 LANG=C.UTF-8 HOME=/tmp
