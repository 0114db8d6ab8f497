// A certified OpenID provider with two people and two clients, for tests/test_oidc.py: `node main.mjs PORT`.
// People log in with their name; any password does.
import { generateKeyPairSync } from 'node:crypto';
import { Provider } from 'oidc-provider';

const port = Number(process.argv[2]);
const issuer = `http://127.0.0.1:${port}`;
const people = {
  ada: { groups: ['/lake/readers', '/elsewhere'], org: { unit: 'engines' } },
  bob: { groups: ['/elsewhere'] },
};

const key = (type, options, alg) => ({
  ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }), alg, use: 'sig', kid: `key-${alg}`,
});
const client = (client_id, id_token_signed_response_alg) => ({
  client_id,
  id_token_signed_response_alg,
  token_endpoint_auth_method: 'none',
  application_type: 'native',
  grant_types: ['authorization_code'],
  response_types: ['code'],
  redirect_uris: ['http://127.0.0.1/back'],
});

const provider = new Provider(issuer, {
  clients: [client('twinlake', 'RS256'), client('twinlake-curve', 'ES256'), client('another', 'RS256')],
  jwks: { keys: [key('rsa', { modulusLength: 2048 }, 'RS256'), key('ec', { namedCurve: 'P-256' }, 'ES256')] },
  claims: { openid: ['sub'], lake: ['groups', 'org'] },
  scopes: ['openid', 'lake'],
  conformIdTokenClaims: false,
  cookies: { keys: ['only for tests'] },
  findAccount: (_, id) => people[id] && { accountId: id, claims: () => ({ sub: id, ...people[id] }) },
});
provider.listen(port, '127.0.0.1', () => console.log('ready'));
