# The service on a CPU: docker build -t atrous . && docker compose up
#
# The root file system may be read-only: uploads are kept in memory, and what is compiled when it is first needed was
# compiled while the image was built. It is copied to /tmp, since numba reads only caches that it may write to.

FROM python:3.11-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
RUN python -m venv /opt/atrous
COPY constraints.txt .
# pip reads this variable. With the address of PyTorch's builds for a CPU, which its page "Get started" names, the image is
# gigabytes smaller: docker build --build-arg PIP_EXTRA_INDEX_URL=ADDRESS -t atrous .
ARG PIP_EXTRA_INDEX_URL
RUN /opt/atrous/bin/pip install --constraint constraints.txt torch
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN /opt/atrous/bin/pip install --constraint constraints.txt '.[serve,geo,heic]'

FROM python:3.11-slim
COPY --from=build /opt/atrous /opt/atrous
ENV PATH=/opt/atrous/bin:$PATH PYTHONUNBUFFERED=1 NUMBA_CACHE_DIR=/tmp/numba HOME=/tmp
COPY models/deeplabv3plus_mobilenet_v2_camvid.safetensors models/deeplabv3plus_mobilenet_v2_camvid.md /models/
RUN python -c "from PIL import Image; Image.new('RGB', (65, 65)).save('/tmp/grey.png')" \
    && atrous predict /models/deeplabv3plus_mobilenet_v2_camvid.safetensors /tmp/grey.png --out /tmp/out \
    && atrous predict /models/deeplabv3plus_mobilenet_v2_camvid.safetensors /tmp/grey.png --out /tmp/out --scales 0.5 1 \
    && mv /tmp/numba /var/cache/numba && chmod -R a+rX /var/cache/numba && rm -r /tmp/grey.png /tmp/out
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
ENTRYPOINT ["sh", "-c", "cp -r /var/cache/numba /tmp/numba && exec atrous serve --host 0.0.0.0 --port 8000 \"$@\"", "atrous"]
# The weights in models/ are for non-commercial use: see the card beside them. Mount your own and name them instead.
CMD ["/models/deeplabv3plus_mobilenet_v2_camvid.safetensors"]
