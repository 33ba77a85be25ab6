// node serverless_devs.js FILE: what `s deploy` would make of an s.yaml, as JSON: each resource with its component and its properties,
// variables filled in. By Serverless Devs' own parser, which is found in NODE_PATH.
const { default: ParseSpec } = require('@serverless-devs/parse-spec');

const quiet = { debug() {}, info() {}, log() {}, warn() {}, error() {} };

new ParseSpec(process.argv[2], { argv: ['deploy'], logger: quiet })
    .start()
    .then(({ steps }) => {
        const resources = steps.map(({ projectName, component, props }) => [projectName, { component, props }]);
        process.stdout.write(JSON.stringify(Object.fromEntries(resources)));
    })
    .catch((error) => {
        process.stderr.write(`${error.message}\n`);
        process.exitCode = 1;
    });
