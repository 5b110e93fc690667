// `npm test`: the logic without a host, against a script.

import assert from "node:assert/strict";
import { test } from "node:test";
import { BadData, CursorExpired, http, OutcomeUnknown } from "grantry-sdk";
import type { Aggregate, Provision } from "grantry-sdk";
import { Directory } from "../src/directory.ts";
import { lifecycle, readPage } from "../src/index.ts";
import * as membership from "../src/membership.ts";

/** Answers every request with this status and body. */
function script(status: number, body: unknown): http.Transport {
  const bytes = new TextEncoder().encode(JSON.stringify(body));
  return { send: () => ({ status, headers: [], body: bytes }) };
}

function firstPage(transport: http.Transport): Aggregate.Page {
  const target: Aggregate.Target = { tag: "objects", val: "User" };
  const request = { runId: "r", target, at: null, maxItems: 2, maxBytes: 1 << 20 };
  return readPage(new Directory("https://idp", transport), request);
}

const users = [{ id: "1", userName: "ada" }, { id: "2", userName: "bob" }];

test("a full page has a next one, and the last one is complete", () => {
  const first = firstPage(script(200, { totalResults: 3, Resources: users }));
  assert.equal(first.objects.length, 2);
  assert.equal(first.isComplete, false);
  assert.notEqual(first.next, null);
  assert.equal(firstPage(script(200, { totalResults: 2, Resources: users })).isComplete, true);
});

test("a failing directory is never an empty one", () => {
  for (const [status, body] of [[500, {}], [401, {}], [200, { hello: "world" }]] as const) {
    assert.throws(() => firstPage(script(status, body)));
  }
});

test("a list that ends early is not whole", () => {
  const target: Aggregate.Target = { tag: "assignments-of-kind", val: "Group" };
  const request = { runId: "r", target, at: null, maxItems: 2, maxBytes: 1 << 20 };
  for (const totalResults of [5, -1, 2.5]) {
    const directory = new Directory("https://idp", script(200, { totalResults }));
    assert.throws(() => readPage(directory, request), BadData);
  }
});

test("a cursor of another version begins again", () => {
  const target: Aggregate.Target = { tag: "objects", val: "User" };
  const at = new TextEncoder().encode("[3,0]");
  const request = { runId: "r", target, at, maxItems: 2, maxBytes: 1 << 20 };
  const directory = new Directory("https://idp", script(200, {}));
  assert.throws(() => readPage(directory, request), CursorExpired);
});

test("a write whose answer is lost leaves the outcome unknown", () => {
  const transport: http.Transport = {
    send(request) {
      if (request.method === "GET") return script(200, { id: "g" }).send(request);
      throw Object.assign(new Error(), { payload: { tag: "timed-out" } });
    },
  };
  const [on, holder] = [{ kind: "Group", id: "g" }, { kind: "User", id: "1" }];
  const val = { entitlement: "g:member", on, holder, parameters: [] };
  const operation: Provision.Operation = { tag: "grant", val };
  const directory = new Directory("https://idp", transport);
  assert.throws(() => membership.apply(directory, operation), OutcomeUnknown);
});

test("the example connection is valid", () => {
  const { exampleConnection } = lifecycle.describe();
  assert.deepEqual(lifecycle.validateConfig(exampleConnection), []);
  assert.equal(lifecycle.validateConfig('{"url": "idp.example.com"}').length, 1);
});
