# make run, test, bench, lint, release: see README.md.
GO      ?= go
GOFLAGS ?= -buildvcs=false
export GOFLAGS

VERSION := $(shell git describe --tags --always 2>/dev/null || echo development)
SOURCES := $(shell find . -name '*.go' -not -path './cmd/temporal-dev/*' -not -path './node_modules/*') $(wildcard models/migrations/*.sql) go.mod

# What make release builds; the embedded Temporal is built where it runs.
PLATFORMS ?= linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64

.PHONY: run test bench lint release docs clean

run: bin/fieldproof bin/temporal-dev
	@exec bin/fieldproof dev

bin/fieldproof: $(SOURCES)
	$(GO) build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o $@ ./cmd/fieldproof

# A whole Temporal server: the first build takes some minutes, later ones seconds.
bin/temporal-dev: $(wildcard cmd/temporal-dev/*.go) cmd/temporal-dev/go.mod
	@echo "Building the embedded Temporal; the first time this takes several minutes."
	cd cmd/temporal-dev && $(GO) build -trimpath -ldflags "-s -w" -o ../../$@ .

test: bin/fieldproof bin/temporal-dev
	@$(GO) run ./tests/count ./...

bench: bin/fieldproof bin/temporal-dev
	$(GO) run ./bench

lint:
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "not formatted: $$unformatted"; exit 1; }
	$(GO) vet ./...
	cd cmd/temporal-dev && $(GO) vet ./...
	$(GO) tool -modfile=lint.mod golangci-lint run ./...

# The product, the downloader in it, for every system, with checksums: sha256sum -c SHA256SUMS.
release:
	@rm -rf dist && mkdir -p dist
	@for platform in $(PLATFORMS); do \
		system=$${platform%/*} machine=$${platform#*/}; \
		name=fieldproof_$(VERSION)_$${system}_$${machine}; \
		if [ $$system = windows ]; then name=$$name.exe; fi; \
		echo "dist/$$name"; \
		CGO_ENABLED=0 GOOS=$$system GOARCH=$$machine $(GO) build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o dist/$$name ./cmd/fieldproof || exit 1; \
	done
	@cd dist && sha256sum fieldproof_* > SHA256SUMS && cat SHA256SUMS

docs:
	$(GO) test ./models -run TestLifecycleDocument -args -write

clean:
	rm -rf bin dist
