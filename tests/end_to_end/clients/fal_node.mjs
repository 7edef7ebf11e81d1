// node fal_node.mjs CALL '{"gateway": …, "key": …, "way": …, "input": {…}}'

import { call } from "./fal_calls.mjs";

const [name, given] = process.argv.slice(2);
process.stdout.write(JSON.stringify(await call(name, JSON.parse(given))));
