# One image for every role: docker run … wayline ingest | worker | query | migrate | admin … | all
FROM node:20.20-bookworm-slim AS base
WORKDIR /wayline
ENV NPM_CONFIG_UPDATE_NOTIFIER=false

FROM base AS build
COPY package.json package-lock.json .npmrc tsconfig.base.json tsconfig.json ./
COPY packages ./packages
COPY migrations ./migrations
# Not `npm ci`, which insists on the optional packages of every platform in the lock file: it holds one platform's.
RUN --mount=type=cache,target=/root/.npm npm install --no-save --no-progress

# Of our packages, what cli needs; of theirs, no development dependencies. Nothing is compiled at this stage.
FROM base AS installed
COPY package.json package-lock.json .npmrc ./
COPY packages ./packages
RUN --mount=type=cache,target=/root/.npm npm pkg delete scripts.prepare \
  && npm install --no-save --no-progress --omit=dev --workspace packages/cli
COPY --from=build /wayline/packages ./built
RUN for package in packages/*/; do \
    name=$(basename "$package"); \
    rm -rf "$package/src" "$package/test" "$package/scripts"; \
    if [ -d "built/$name/dist" ]; then cp -r "built/$name/dist" "$package"; fi; \
  done \
  && rm -rf built packages/testkit && chmod +x packages/cli/bin/wayline.js

FROM base
LABEL org.opencontainers.image.title=wayline org.opencontainers.image.licenses=Apache-2.0
ENV NODE_ENV=production WAYLINE_DATA_DIR=/var/lib/wayline
# glibc would otherwise open up to eight arenas a core, none of which gives back what another could use.
ENV MALLOC_ARENA_MAX=2
RUN ln -s /wayline/packages/cli/bin/wayline.js /usr/local/bin/wayline \
  && install -d -o node -g node -m 0700 /var/lib/wayline
COPY migrations ./migrations
COPY LICENSE ./
COPY --from=installed /wayline ./
# Only `wayline all` writes to disk, and only here: the root file system may be read-only.
VOLUME /var/lib/wayline
USER node
EXPOSE 4000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 4000}/livez`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["wayline"]
CMD ["--help"]
