-- wrk's script: a list or a create for a random one of many tokens; prints one line of JSON in the end.
local tokens = tonumber(os.getenv("TOKENS"))
local creates = os.getenv("ACTION") == "create"
local round = os.getenv("ROUND")
local seed = tonumber(os.getenv("SEED"))
local threads = 0
local path = "/api/v1/users/self/communication_channels"

function setup(thread)
  threads = threads + 1
  thread:set("id", threads)
end

function init(args)
  math.randomseed(id * 7919 + seed)
  count = 0
end

function request()
  local headers = {["Authorization"] = "Bearer benchmark-token-" .. math.random(1, tokens)}
  if not creates then return wrk.format("GET", path, headers) end
  count = count + 1
  headers["Content-Type"] = "application/json"
  local address = "new" .. round .. "." .. id .. "." .. count .. "@example.edu"
  local channel = '"type": "email", "address": "' .. address .. '"'
  return wrk.format("POST", path, headers, '{' .. channel .. ', "communication_channel": {' .. channel .. '}}')
end

function done(summary, latency, requests)
  io.write(string.format(
    'RESULT {"requests": %d, "seconds": %.3f, "errors": %d, "p50": %.3f, "p99": %.3f}\n',
    summary.requests, summary.duration / 1e6,
    summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
