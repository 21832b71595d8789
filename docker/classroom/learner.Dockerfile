# A room: JupyterLab, nbgrader, the engine and the labs, started by the hub. autograder/classroom/images.py makes the
# context; nothing is fetched here, so that the same build works behind a company's proxy and where no registry answers.
# An instructor's room is the same image with the class's volumes.
ARG BASE=manyhands/base:bookworm-tools
FROM ${BASE}
# JupyterHub and nbgrader both know this name for "whoever the hub says"; the number is nobody's on the host.
RUN printf 'jovyan:x:1000:1000::/tmp:/bin/bash\n' >> /etc/passwd \
 && printf 'jovyan:x:1000:\n' >> /etc/group \
 && install -d -o 1000 -g 1000 /home/jovyan /home/jovyan/work /home/jovyan/work/class /home/jovyan/work/exchange
COPY env /opt/manyhands/env
RUN printf '#!/bin/sh\nexec /opt/manyhands/env/bin/python -P -m autograder "$@"\n' > /usr/local/bin/manyhands \
 && chmod 755 /usr/local/bin/manyhands \
 && { /opt/manyhands/env/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/manyhands/env || true; }
COPY code /opt/manyhands/code
RUN /opt/manyhands/env/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/manyhands/code || true
ENV PATH=/opt/manyhands/env/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONDONTWRITEBYTECODE=1 LANG=C.UTF-8 HOME=/tmp MANYHANDS_HOME=/home/jovyan/work
USER 1000:1000
WORKDIR /home/jovyan/work
CMD ["python", "-P", "-m", "autograder.classroom.room"]
