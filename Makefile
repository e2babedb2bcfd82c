# make help lists what there is.
GO      ?= go
# With the same flags for all, each package is compiled once, for the product and for its tests.
GOFLAGS ?= -buildvcs=false -trimpath
export GOFLAGS

VERSION := $(shell git describe --tags --always 2>/dev/null || echo development)
SOURCES := $(shell find . -name node_modules -prune -o -path ./cmd/temporal-dev -prune -o -name '*.go' -print) $(wildcard models/migrations/*.sql) go.mod
# What the browser apps are made of, and what tells that they are built.
WEB     := $(shell find web \( -name node_modules -o -path web/built -o -path web/kit/words -o -path web/client \) -prune -o -type f -not -name '*.go' -print)
APPS    := web/built/field/index.html

# What make release builds; the embedded Temporal is built where it runs.
PLATFORMS ?= linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64

TOOL := $(GO) tool -modfile=lint.mod
# Everything that needs no installation of Fieldproof.
QUICK = $(shell $(GO) list ./... | grep -v -e '/tests$$' -e '/bench$$')

.PHONY: help run test test-quick test-one soak bench lint web-check release docs pictures clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' Makefile

run: bin/fieldproof bin/temporal-dev ## the whole product at http://127.0.0.1:8080; Ctrl-C stops it
	@exec bin/fieldproof dev

bin/fieldproof: $(SOURCES) $(APPS)
	$(GO) build -ldflags "-s -w -X main.version=$(VERSION)" -o $@ ./cmd/fieldproof

web/node_modules/.package-lock.json: web/package-lock.json
	cd web && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

$(APPS): web/node_modules/.package-lock.json $(WEB)
	cd web && VITE_VERSION=$(VERSION) npm run -s build

# A whole Temporal server: the first build takes some minutes, later ones seconds.
bin/temporal-dev: $(wildcard cmd/temporal-dev/*.go) cmd/temporal-dev/go.mod
	@echo "Building the embedded Temporal; the first time this takes several minutes."
	cd cmd/temporal-dev && $(GO) build -ldflags "-s -w" -o ../../$@ .

# RERUN=1, as CI has it: a test that failed is run once more, alone, and the summary says that it was; more than six are not.
RERUNS = $(if $(RERUN),--rerun-fails=1 --rerun-fails-max-failures=6 --rerun-fails-abort-on-data-race)

test: bin/fieldproof bin/temporal-dev ## every test but the longest, on SQLite or PostgreSQL in turn; SHAPES=sqlite,postgres takes each on both
	FIELDPROOF_TEST_SHAPES=$(or $(SHAPES),turns) GO=$(GO) $(TOOL) gotestsum --format pkgname --hide-summary skipped $(RERUNS) --raw-command -- sh .ci/stages

test-quick: ## what needs no server: some seconds after the first time
	$(TOOL) gotestsum --format pkgname --hide-summary skipped -- $(QUICK)

test-one: bin/temporal-dev ## one test of the product by name: make test-one T=TestASecureLink; SHAPES=sqlite spares PostgreSQL, SOAK=1 takes what is make soak's
	FIELDPROOF_TEST_SHAPES=$(SHAPES) $(GO) test $(if $(SOAK),-tags soak) ./tests -count=1 -run '$(T)'

# The tests that only make soak has the time for say so in their first line. Those of what is away, frozen or killed have a command of their own.
FAULTS = Sleeps|IsAway|IsFrozen|AKilled|PhotosOutlive
LONGER = $(shell grep -h -B1 '^.longer(t)' tests/*_test.go | grep -o '\bTest[A-Za-z0-9]*' | paste -s -d '|' -)

# One of them builds the product with another clock: the first time that is every package, which takes minutes more.
soak: bin/temporal-dev ## attacks, faults and walks that make test has no time for, three quarters of an hour
	$(TOOL) gotestsum --format testname $(RERUNS) --packages ./tests -- -tags soak -timeout 20m -count=1 -v -run '^TestSoak$$'
	$(TOOL) gotestsum --format testname $(RERUNS) --packages ./tests -- -tags soak -timeout 20m -count=1 -parallel 8 -run '$(FAULTS)'  # for a minute each, a hundred photos for more
	$(TOOL) gotestsum --format testname $(RERUNS) --packages ./tests -- -tags soak -timeout 60m -count=1 -parallel 4 -skip '$(FAULTS)|RestoredFrom' -run '^($(LONGER))$$'
	$(TOOL) gotestsum --format testname $(RERUNS) --packages ./tests -- -tags soak -timeout 40m -count=1 -run 'RestoredFrom|AnHourApart'  # the first run builds all with another clock

bench: bin/fieldproof bin/temporal-dev ## the benchmarks, each beside its yardstick
	$(GO) run ./bench

lint: ## formatting, vet, static analysis, determinism of the workflows
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "not formatted: $$unformatted"; exit 1; }
	$(GO) vet ./...
	cd cmd/temporal-dev && $(GO) vet ./...
	$(TOOL) golangci-lint run ./...
	$(TOOL) workflowcheck ./workflows/...
	$(MAKE) web-check

web-check: web/node_modules/.package-lock.json ## types of the browser apps against the API, what Svelte warns of, and the apps' own tests
	$(GO) run ./cmd/fieldproof openapi > web/client/openapi.json
	cd web && npm run -s types && npm run -s check && npm run -s test

# The product, the downloader in it, for every system, with checksums: sha256sum -c SHA256SUMS.
release: $(APPS) ## the product for every system, with checksums, in dist/
	@rm -rf dist && mkdir -p dist
	@for platform in $(PLATFORMS); do \
		system=$${platform%/*} machine=$${platform#*/}; \
		name=fieldproof_$(VERSION)_$${system}_$${machine}; \
		if [ $$system = windows ]; then name=$$name.exe; fi; \
		echo "dist/$$name"; \
		CGO_ENABLED=0 GOOS=$$system GOARCH=$$machine $(GO) build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o dist/$$name ./cmd/fieldproof || exit 1; \
	done
	@cd dist && sha256sum fieldproof_* > SHA256SUMS && cat SHA256SUMS

docs: ## the parts of docs/ that the code writes
	$(GO) test ./models ./mails -run 'Document$$' -args -write

pictures: bin/temporal-dev $(APPS) ## the pictures of the README
	PICTURES=1 $(GO) test ./tests -count=1 -run '^TestThePicturesOfTheReadme$$'

clean: ## removes what was built
	rm -rf bin dist web/built/portal web/built/field web/kit/words
