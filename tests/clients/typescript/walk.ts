// One order, from created to published, by a client that is generated from the OpenAPI document.
import { readFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import createClient from "openapi-fetch";
import type { components, paths } from "./generated/schema.js";

type Problem = components["schemas"]["Problem"];

function set(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`Set ${name}.`);
  return value;
}

/** taken is what an answer holds; a refusal is thrown in its own words. */
function taken<T>(answer: { data?: T; error?: Problem | string; response: Response }): T {
  if (answer.data === undefined) throw new Error(`${answer.response.url}: ${answer.response.status} ${JSON.stringify(answer.error)}`);
  return answer.data;
}

async function signIn(username: string) {
  const client = createClient<paths>({ baseUrl: set("SERVER") });
  const { token } = taken(await client.POST("/api/v1/sessions", { body: { username, password: set("PASSWORD") } }));
  client.use({
    onRequest({ request }) {
      request.headers.set("Authorization", `Bearer ${token}`);
      return request;
    },
  });
  return client;
}

const office = await signIn(set("OFFICE"));
const crew = await signIn(set("CREW"));

// Where results go.
const folder = taken(await office.POST("/api/v1/destinations", { body: { name: "Results", kind: "folder", settings: { path: set("FOLDER") } } }));
const hook = taken(await office.POST("/api/v1/destinations", { body: { name: "Hook", kind: "webhook", settings: { url: set("HOOK") } } }));
if (folder.kind !== "folder" || hook.kind !== "webhook") throw new Error("the kinds are others");
console.log("destinations:", folder.settings?.path === set("FOLDER"), hook.settings?.url === set("HOOK"));

// An order whose task wants a photo before and one after.
const made = taken(
  await office.POST("/api/v1/work-orders", {
    params: { header: { "Idempotency-Key": crypto.randomUUID() } },
    body: {
      work_order_number: "WALK-1",
      address: { address1: "110 East Main Street", city: "Round Rock", state: "TX", zip: "78664" },
      tasks: [{ name: "Lawn cut", required_photos: { before: 1, after: 1 } }],
    },
  }),
);
const list = taken(await office.GET("/api/v1/work-orders", { params: { query: { state: ["created", "assigned"], limit: 10 } } }));
console.log("listed:", list.items.map((o) => o.work_order_number).join());
const path = { id: made.id };
const task = made.tasks[0];
if (!task) throw new Error("the order has no task");
const assigned = taken(await office.POST("/api/v1/work-orders/{id}/assign", { params: { path }, body: { assignee: set("CREW") } }));
console.log(assigned.state);

// Completing it too early says what is missing.
const early = await office.POST("/api/v1/work-orders/{id}/complete", { params: { path } });
console.log("too early:", early.response.status, (early.error?.errors ?? []).map((e) => e.message).sort().join(" "));

// The crew proves it; the same photo again is the same photo.
const file = new Blob([new Uint8Array(await readFile(set("PHOTO")))], { type: "image/jpeg" });
for (const evidence of ["before", "after"]) {
  const uuid = crypto.randomUUID();
  for (let i = 0; i < 2; i++) {
    const answer = await crew.POST("/api/v1/work-orders/{id}/photos", {
      params: { path },
      body: { uuid, task_id: task.id, evidence_type: evidence, source: "mobile_camera", taken_at: new Date().toISOString(), file },
      bodySerializer(body) {
        const form = new FormData();
        for (const [name, value] of Object.entries(body)) form.set(name, value instanceof Blob ? value : String(value));
        return form;
      },
    });
    console.log(taken(answer).evidence_type, answer.response.status, taken(answer).uuid === uuid);
  }
}

// Complete, approve as it was read, publish.
console.log(taken(await office.POST("/api/v1/work-orders/{id}/complete", { params: { path }, body: {} })).state);
const read = await office.GET("/api/v1/work-orders/{id}", { params: { path } });
const etag = read.response.headers.get("ETag") ?? "";
console.log(taken(await office.POST("/api/v1/work-orders/{id}/approve", { params: { path, header: { "If-Match": etag } } })).state);
console.log(taken(await office.POST("/api/v1/work-orders/{id}/publish", { params: { path } })).state);

// Deliveries go out in the background.
for (const end = Date.now() + 60_000; ; await setTimeout(200)) {
  const { items } = taken(await office.GET("/api/v1/work-orders/{id}/publications", { params: { path } }));
  const deliveries = items.flatMap((p) => p.deliveries);
  if (deliveries.length === 2 && deliveries.every((d) => d.state === "delivered")) {
    console.log("delivered:", deliveries.map((d) => d.destination.name).sort().join());
    break;
  }
  if (Date.now() > end) throw new Error(`not delivered: ${JSON.stringify(deliveries)}`);
}
const history = taken(await office.GET("/api/v1/work-orders/{id}/events", { params: { path } }));
console.log("published by the office:", history.items.some((e) => e.to === "published" && e.actor === set("OFFICE")));

// The results.
const report = taken(await office.GET("/api/v1/work-orders/{id}/report.pdf", { params: { path }, parseAs: "arrayBuffer" }));
const archive = taken(await office.GET("/api/v1/work-orders/{id}/archive.zip", { params: { path }, parseAs: "arrayBuffer" }));
const beginning = (bytes: ArrayBuffer, n: number) => new TextDecoder().decode(bytes.slice(0, n));
console.log(beginning(report, 5), beginning(archive, 2));
const token = taken(await office.POST("/api/v1/tokens", { body: { name: "mirror" } }));
const link = taken(await office.POST("/api/v1/work-orders/{id}/links", { params: { path }, body: { allow_downloads: true, allow_comments: true } }));
console.log("shown once:", Boolean(token.token), link.url?.startsWith(`${set("SERVER")}/s/`));
