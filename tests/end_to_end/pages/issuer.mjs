// Runs node's oidc-provider: node issuer.mjs PROGRAM PORT REDIRECT_URI
// Its own pages for trials let in everybody, under any name.
const [program, port, redirect] = process.argv.slice(2);
const { Provider } = await import(program);

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{
    client_id: "regsearch",
    client_secret: "secret-of-the-client",
    redirect_uris: [redirect],
  }],
  claims: { openid: ["sub"], profile: ["preferred_username"], groups: ["groups"] },
  scopes: ["openid", "profile", "groups"],
  findAccount: async (_, id) => ({
    accountId: id,
    claims: async () => ({ sub: id, preferred_username: id, groups: ["shop"] }),
  }),
  cookies: { keys: ["key of the cookies"] },
});
provider.listen(Number(port), "127.0.0.1", () => console.log("listens"));
