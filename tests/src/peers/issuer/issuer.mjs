// An OpenID Connect issuer around oauth2-mock-server, for the tests.
//
// Everything that clients and browsers ask is the library's. Beside it, under `/control`, the test says
// what tokens hold, changes the keys, and asks for tokens that no honest issuer would sign.
import { createHmac, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { JWKStore, OAuth2Issuer, OAuth2Service } from 'oauth2-mock-server';

const issuer = new OAuth2Issuer();
const service = new OAuth2Service(issuer);
// How often each path was asked for, and what tokens of a grant hold beside the library's claims.
const asked = {};
const claims = {};

// A key set of its own: the library's can only grow, and a rotation withdraws.
async function rotate() {
  const keys = new JWKStore();
  await keys.generate('RS256');
  Object.defineProperty(issuer, 'keys', { value: keys, configurable: true });
}

function change(payload, changes) {
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) delete payload[name];
    else payload[name] = value;
  }
}

service.on('beforeTokenSigning', (token, request) => {
  const form = request.body;
  const isIdentity = token.payload.aud === form.client_id;
  const grant = isIdentity ? 'id_token' : form.grant_type;
  change(token.payload, claims[grant] ?? {});
});

function part(value) {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

// What an attacker makes of claims.
function forge(how, payload) {
  const [key] = issuer.keys.toJSON();
  const own = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const rsa = (text) => sign('sha256', Buffer.from(text), own.privateKey).toString('base64url');
  const pem = createPublicKey({ key, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
  const hmac = (text) => createHmac('sha256', pem).update(text).digest('base64url');
  const ways = {
    none: [{ alg: 'none', kid: key.kid }, () => ''],
    none_signed: [{ alg: 'none', kid: key.kid }, rsa],
    public_key_as_secret: [{ alg: 'HS256', kid: key.kid }, hmac],
    own_key: [{ alg: 'RS256', kid: key.kid }, rsa],
    own_key_in_header: [
      { alg: 'RS256', kid: key.kid, jwk: own.publicKey.export({ format: 'jwk' }) }, rsa],
    key_elsewhere: [{ alg: 'RS256', kid: key.kid, jku: `${issuer.url}/elsewhere` }, rsa],
    unknown_key: [{ alg: 'RS256', kid: 'invented' }, rsa],
  };
  const [header, signature] = ways[how];
  const text = `${part({ typ: 'JWT', ...header })}.${part(payload)}`;
  return `${text}.${signature(text)}`;
}

function whole(changes) {
  const now = Math.floor(Date.now() / 1000);
  const payload = { iss: issuer.url, iat: now, nbf: now - 10, exp: now + 3600 };
  change(payload, changes);
  return payload;
}

const control = {
  claims: (body) => { claims[body.grant] = body.claims; return {}; },
  rotate: async () => { await rotate(); return {}; },
  asked: () => asked,
  // A token with these claims, by the key of now.
  sign: async (body) => ({
    token: await issuer.buildToken({
      scopesOrTransform: (_, payload) => {
        for (const name of Object.keys(payload)) delete payload[name];
        Object.assign(payload, whole(body.claims));
      },
    }),
  }),
  forge: (body) => ({ token: forge(body.how, whole(body.claims)) }),
};

async function body(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString() || '{}');
}

await rotate();
const server = createServer(async (request, response) => {
  const path = request.url.split('?')[0];
  if (!path.startsWith('/control/')) {
    asked[path] = (asked[path] ?? 0) + 1;
    service.requestHandler(request, response);
    return;
  }
  const answer = await control[path.slice('/control/'.length)](await body(request));
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(answer));
});
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  issuer.url = `http://localhost:${port}`;
  writeFileSync('port.new', String(port));
  renameSync('port.new', 'port');
});
