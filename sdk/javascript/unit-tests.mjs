// `npm test`: bundles `test/*.test.ts` and `.js` and runs the tests on Node.js, where there is no host. A test
// hands in a `transport`; what else asks for the host says so.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

const silent = "export const log = () => {};";
const contract = readFileSync(new URL("src/host.d.ts", import.meta.url), "utf8");
const names = [...contract.matchAll(/export \{ (.+) \};/g)].map(([, name]) => name.split(" as ")[1]);
const missing = `
const none = () => { throw new Error("there is no host in a unit test: hand in a \`transport\`") };
export { ${names.map((name) => `none as ${name}`).join(", ")} };`;

const withoutHost = {
  name: "without-host",
  setup(build) {
    build.onResolve({ filter: /^grantry:/ }, ({ path }) => ({ path, namespace: "host" }));
    build.onLoad({ filter: /.*/, namespace: "host" }, ({ path }) => {
      return { contents: path.includes("/log@") ? silent : missing, loader: "js" };
    });
  },
};

const folder = process.cwd();
const tests = readdirSync(join(folder, "test")).filter((name) => /\.test\.[jt]s$/.test(name));
if (tests.length === 0) throw new Error("there are no tests in `test`");
const bundled = mkdtempSync(join(folder, ".unit-tests-"));
let status = 1;
try {
  await build({
    absWorkingDir: folder,
    entryPoints: tests.map((name) => join("test", name)),
    outdir: bundled,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    format: "esm",
    platform: "node",
    target: "es2022",
    sourcemap: "inline",
    plugins: [withoutHost],
  });
  const files = readdirSync(bundled).map((name) => join(bundled, name));
  const words = ["--enable-source-maps", "--test", ...files];
  status = spawnSync(process.execPath, words, { stdio: "inherit" }).status ?? 1;
} finally {
  rmSync(bundled, { recursive: true });
}
process.exitCode = status;
