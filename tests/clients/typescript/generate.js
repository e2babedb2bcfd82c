// Writes the types of generated/openapi.json; a file in a form is a Blob.
import { writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";
import ts from "typescript";

const blob = ts.factory.createTypeReferenceNode("Blob");
const types = await openapiTS(new URL("generated/openapi.json", import.meta.url), {
  transform: (schema) => (schema.format === "binary" ? blob : undefined),
});
await writeFile(new URL("generated/schema.ts", import.meta.url), astToString(types));
