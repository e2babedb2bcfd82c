# The product image: server, worker and migrate are its commands.
FROM node:20-bookworm-slim AS web
WORKDIR /src/web
COPY web/package.json web/package-lock.json web/.npmrc ./
RUN npm ci --ignore-scripts
COPY web ./
RUN npm run -s build

FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
COPY --from=web /src/web/built web/built
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w" -o /out/fieldproof ./cmd/fieldproof

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates curl fonts-noto-cjk fonts-noto-core tzdata \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --create-home fieldproof \
    && install -d -o fieldproof -g fieldproof /srv/results
COPY --from=build /out/fieldproof /usr/local/bin/fieldproof
USER fieldproof
EXPOSE 8080
ENTRYPOINT ["fieldproof"]
CMD ["server"]
