// Ajv checks every document that standard input lists as [{url, file}] against the
// JSON schema that is its argument.
const { readFileSync } = require("node:fs");
const Ajv = require("ajv");
const formats = require("ajv-formats");

const ajv = new Ajv({ allErrors: true, strictTypes: true });
formats(ajv);
const valid = ajv.compile(JSON.parse(readFileSync(process.argv[2], "utf8")));

console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(({ url, file }) => {
  try {
    return { url, fault: valid(JSON.parse(readFileSync(file, "utf8"))) ? "" : ajv.errorsText(valid.errors) };
  } catch (e) {
    return { url, fault: String(e) };
  }
})));
