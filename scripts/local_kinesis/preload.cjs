// Loaded before the server, which would listen on every network interface and outlive a test run that is killed: this
// keeps it on loopback, and ends it when its standard input does.
"use strict";

const { Server } = require("node:net");

const listen = Server.prototype.listen;

Server.prototype.listen = function (...given) {
  const isOptions = typeof given[0] === "object" && given[0] !== null;
  const options = isOptions ? { ...given[0] } : { port: given[0] };
  const callback = given.find((argument) => typeof argument === "function");
  return listen.call(this, { ...options, host: "127.0.0.1" }, ...(callback ? [callback] : []));
};

process.stdin.on("end", () => process.exit(0));
process.stdin.resume();
