-- wrk's script: clients that pause after each answer; a line for each, with its status and its milliseconds.
-- A request's id is the moment when it was sent, which the server repeats (TRUST_PROXY_HEADERS).
local ffi = require("ffi")
ffi.cdef[[
typedef struct { long seconds; long nanoseconds; } moment;
int clock_gettime(int clock, moment *now);
]]
local moment = ffi.new("moment")
local tokens = tonumber(os.getenv("TOKENS"))
local creates = os.getenv("ACTION") == "create"
local pause = tonumber(os.getenv("PAUSE"))
local round = os.getenv("ROUND")
local path = "/api/v1/users/self/communication_channels"

local function now()
  ffi.C.clock_gettime(1, moment)
  return tonumber(moment.seconds) + tonumber(moment.nanoseconds) / 1e9
end

function init(args)
  count = 0
end

function delay()
  return math.random(0, 2 * pause)
end

function request()
  count = count + 1
  local headers = {
    ["Authorization"] = "Bearer benchmark-token-" .. math.random(1, tokens),
    ["X-Request-Id"] = string.format("%.6f", now())
  }
  if not creates then return wrk.format("GET", path, headers) end
  headers["Content-Type"] = "application/json"
  local address = "new" .. round .. "." .. count .. "@example.edu"
  local body = '{"communication_channel": {"type": "email", "address": "' .. address .. '"}}'
  return wrk.format("POST", path, headers, body)
end

function response(status, headers, body)
  local sent = tonumber(headers["X-Request-Id"] or headers["x-request-id"])
  io.write(string.format("ANSWER %d %.1f\n", status, (now() - sent) * 1000))
end

function done(summary, latency, requests)
  local errors = summary.errors.connect + summary.errors.read + summary.errors.timeout
  io.write(string.format("DONE %.3f %d\n", summary.duration / 1e6, errors))
end
