// The API reference: Scalar on the description, without anything from elsewhere.
"use strict";

// It would try whether the page allows eval, which it does not.
globalThis.__zod_globalConfig = { jitless: true };

const UNSAFE = ["POST", "PUT", "PATCH", "DELETE"];

// With one's session, unless a token was entered: cookies are the browser's, the CSRF token is the page's.
function call(csrfToken) {
  return (input, init) => {
    const request = new Request(input, { ...init, credentials: "same-origin" });
    if (new URL(request.url).origin !== location.origin) {
      return Promise.reject(new TypeError("This page calls its own service only."));
    }
    if (/^Bearer\s*$/i.test(request.headers.get("Authorization") ?? "")) request.headers.delete("Authorization");
    if (csrfToken && UNSAFE.includes(request.method)) request.headers.set("X-CSRFToken", csrfToken);
    return fetch(request);
  };
}

document.addEventListener("DOMContentLoaded", () => {
  const place = document.getElementById("reference");
  Scalar.createApiReference(place, {
    url: place.dataset.schema,
    customFetch: call(place.dataset.csrfToken),
    theme: "default",
    withDefaultFonts: false,
    telemetry: false,
    agent: { disabled: true },
    mcp: { disabled: true },
    showDeveloperTools: "never",
    hideClientButton: true,
    hideDarkModeToggle: true,
    featuredClients: ["shell/curl", "python/requests"],
    defaultHttpClient: { targetKey: "shell", clientKey: "curl" },
    authentication: { preferredSecurityScheme: "bearer" },
    documentDownloadType: "json",
  });
});
