# docker build -t starling-engine:0.1.0 .
# Node is the version that the tests run on (the `node` package in package-lock.json). To pin the bytes too, write
# node:24.21.0-bookworm-slim@sha256:…, as `docker buildx imagetools inspect node:24.21.0-bookworm-slim` prints it.
FROM node:24.21.0-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
# No dependency of the server needs an install script; Node 24 is here, so its npm package may stay away.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund && npm cache clean --force

FROM node:24.21.0-bookworm-slim
ENV NODE_ENV=production \
    STARLING_HOST=0.0.0.0 \
    STARLING_DATA_DIR=/var/lib/starling
WORKDIR /app
# The code belongs to root: the server may not change it. Its folder is the only place it writes to.
RUN mkdir --mode=0700 /var/lib/starling && chown node:node /var/lib/starling
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json LICENSE ./
COPY bin ./bin
COPY migrations ./migrations
COPY models ./models
COPY src ./src
# The user `node` of the image, as numbers, so that Kubernetes can see that it is not root (runAsNonRoot).
USER 1000:1000
EXPOSE 8420
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s --retries=3 CMD ["node", "bin/starling.js", "health"]
# Node gets the signals itself: no shell and no npm between. It starts no other processes that somebody must reap.
CMD ["node", "bin/starling.js", "serve"]
