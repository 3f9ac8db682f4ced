// Sends the lines on its standard input by winston-loki: `node shipper_winston.js URL KEY json|protobuf SERVICE`.
const winston = require('winston')
const LokiTransport = require('winston-loki')

const [url, key, form, service] = process.argv.slice(2)
const transport = new LokiTransport({
  host: url,
  basicAuth: `anyone:${key}`,
  json: form === 'json',
  labels: { service_name: service },
  format: winston.format.printf(info => info.message),
  replaceTimestamp: false,
  gracefulShutdown: false,
  interval: 0.2,
  onConnectionError: error => { console.error(error); process.exit(1) }
})
const logger = winston.createLogger({ level: 'debug', transports: [transport] })
const lines = JSON.parse(require('fs').readFileSync(0, 'utf8'))
for (const line of lines) logger.log(line)
logger.on('finish', async () => {
  await transport.flush()
  process.exit(0)
})
logger.end()
