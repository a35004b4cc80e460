// The least a node https server with client certificates can be. Arguments: port, folder of server.pem, CA file.
const { readFileSync } = require("node:fs");
const { createServer } = require("node:https");

const [port, folder, caPath] = process.argv.slice(2);
const pem = readFileSync(`${folder}/server.pem`);
createServer(
  { cert: pem, key: pem, ca: readFileSync(caPath), requestCert: true, rejectUnauthorized: true, minVersion: "TLSv1.2" },
  (_request, response) => response.end("{}"),
).listen(Number(port), "127.0.0.1");
