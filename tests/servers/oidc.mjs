// An OpenID provider on loopback: node oidc.mjs NODE_MODULES PORT CLIENT REDIRECT AFTER_SIGN_OUT
//
// Its accounts are in `groups` as they are called: sre-ola is Ola, who is in the group sre. POST
// /twist with a JSON object: claims of the next ID token are replaced by it, and the token is signed
// again by the provider's own key; {"alg": "none"} takes the signature away.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [folder, port, client, redirect, after] = process.argv.slice(2);
const { resolve } = createRequire(`${folder}/here`);
const load = (name) => import(pathToFileURL(resolve(name)));
const { default: Provider } = await load("oidc-provider");
const { SignJWT, UnsecuredJWT, decodeJwt, exportJWK, generateKeyPair } = await load("jose");

const { privateKey } = await generateKeyPair("RS256", { extractable: true });
const jwk = { ...(await exportJWK(privateKey)), kid: "only", use: "sig", alg: "RS256" };
const provider = new Provider(`http://localhost:${port}`, {
  clients: [
    {
      client_id: client,
      token_endpoint_auth_method: "none",
      redirect_uris: [redirect],
      post_logout_redirect_uris: [after],
    },
  ],
  jwks: { keys: [jwk] },
  pkce: { required: () => true },
  claims: { openid: ["sub"], email: ["email"], groups: ["groups"] },
  scopes: ["openid", "email", "groups"],
  features: { devInteractions: { enabled: true }, rpInitiatedLogout: { enabled: true } },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@shop.example`, groups: [id.split("-")[0]] }),
  }),
});

let twist = null;
const twisted = async (token) => {
  const { alg, ...claims } = { ...decodeJwt(token), ...twist };
  twist = null;
  if (alg === "none") return new UnsecuredJWT(claims).encode();
  return new SignJWT(claims).setProtectedHeader({ alg: "RS256", kid: "only" }).sign(privateKey);
};
provider.use(async (context, next) => {
  if (context.path === "/twist") {
    const parts = [];
    for await (const part of context.req) parts.push(part);
    twist = JSON.parse(Buffer.concat(parts));
    context.status = 204;
    return;
  }
  await next();
  if (twist && context.path === "/token" && context.body?.id_token) {
    context.body = { ...context.body, id_token: await twisted(context.body.id_token) };
  }
});
provider.listen(Number(port), "127.0.0.1", () => console.log("ready"));
