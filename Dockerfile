# sakuin with its pages, under 700 MB. By default the pages; `docker run sakuin COMMAND` runs any command of `index`.
#
#   docker build --tag sakuin .
#   docker run --publish 127.0.0.1:8501:8501 --volume sakuin:/data sakuin
#
# --build-arg EXTRAS=ui,mcp brings other extras of pyproject.toml. compose.yaml runs pages and service together.
FROM python:3.13-slim AS installed
ARG EXTRAS=ui
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev
COPY . /src
RUN /src/deploy/image.sh /opt/sakuin "$EXTRAS"

FROM python:3.13-slim
RUN useradd --uid 1000 --create-home sakuin && install --directory --owner sakuin /data
COPY --from=installed /opt/sakuin /opt/sakuin
USER 1000
# The index is /data/.sakuin, the default of all commands.
WORKDIR /data
VOLUME /data
EXPOSE 8501 8000
HEALTHCHECK --start-period=60s CMD ["/opt/sakuin/bin/python", "/opt/sakuin/health.py", "http://127.0.0.1:8501/_stcore/health"]
ENTRYPOINT ["/opt/sakuin/bin/index"]
CMD ["ui", "--host", "0.0.0.0", "--no-password", "--no-browser"]
