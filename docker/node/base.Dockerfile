# The base of every node, where a registry answers. make-base does the same from Debian packages where none does.
FROM debian:bookworm-slim AS made
# A company's own certificate authorities, if the machine has any; needed only while building.
COPY authorities.pem /authorities.pem
RUN if [ -s /authorities.pem ]; then echo 'Acquire::https::CAInfo "/authorities.pem";' > /etc/apt/apt.conf.d/99build; fi \
 && apt-get update \
 && apt-get install -y --no-install-recommends python3 iproute2 git curl \
 && rm -rf /var/lib/apt/lists/* /etc/apt/apt.conf.d/99build /authorities.pem
# Without this step the certificates would stay in a layer underneath.
FROM scratch
COPY --from=made / /
