# SPDX-License-Identifier: MIT
"""What /openapi.json promises, and whether an answer keeps it.

An answer keeps it when its status is listed for its operation, its headers are declared, its body has the shape that
is described, and the code of an error is one of those listed. What an operation was seen to answer is noted, so that
what never was can be told.
"""
import datetime
import json
import re
import urllib.parse

import jsonschema

# Of HTTP itself, of browsers' rules and of transport: these may come with any answer.
COMMON_HEADERS = {
    "cache-control", "connection", "content-encoding", "content-length", "content-type", "date",
    "keep-alive", "server-timing", "traceparent", "transfer-encoding", "vary",
    "access-control-allow-credentials", "access-control-allow-headers", "access-control-allow-methods",
    "access-control-allow-origin", "access-control-expose-headers", "access-control-max-age",
    "content-security-policy", "cross-origin-opener-policy", "cross-origin-resource-policy", "permissions-policy",
    "referrer-policy", "strict-transport-security", "x-accel-buffering", "x-content-type-options", "x-frame-options",
}
API = "/api/"
WITH_DETAIL = {"forbidden", "conflict"}  # codes that alone say too little
formats = jsonschema.FormatChecker(formats=())


@formats.checks("date-time", raises=ValueError)
def is_time(value):
    """RFC 3339, in UTC."""
    if isinstance(value, str):
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", value):
            raise ValueError("no time of RFC 3339 with Z")
        datetime.datetime.strptime(value[:19], "%Y-%m-%dT%H:%M:%S")
    return True


@formats.checks("email")
def is_email(value):
    return not isinstance(value, str) or re.fullmatch(r"[^@\s]+@[^@\s]+", value) is not None


class Answer:
    """One request and what came back; headers in lower case."""

    def __init__(self, method, path, status, headers, body):
        self.method, self.path, self.status, self.body = method, path, status, body
        self.headers = headers
        self.json, self.is_json = None, False
        if self.media.endswith("json"):
            try:
                self.json, self.is_json = json.loads(body), True
            except ValueError:
                pass

    @property
    def media(self):
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def code(self):
        return self.json.get("code", "") if isinstance(self.json, dict) and self.status >= 400 else ""

    def __str__(self):
        return f"{self.method} {self.path} -> {self.status} {self.code}".rstrip()


class Operation:
    def __init__(self, document, template, method, described):
        self.document, self.template, self.method, self.described = document, template, method, described
        self.id = described["operationId"]
        self.pattern = re.compile(re.sub(r"\\\{[^}]*\\\}", "([^/]+)", re.escape(template)))
        self.names = re.findall(r"\{([^}]*)\}", template)
        self.responses = {int(status): document.resolve(response)
                          for status, response in described["responses"].items()}

    def values(self, path):
        """What stands in the path at the braces, or None: it is another's."""
        found = self.pattern.fullmatch(path)
        return dict(zip(self.names, map(urllib.parse.unquote, found.groups()))) if found else None

    @property
    def streams(self):
        """Does it go on until somebody ends it?"""
        return 101 in self.responses or any("text/event-stream" in response.get("content", {})
                                            for response in self.responses.values())

    @property
    def body(self):
        """Schema of the request's body, or None."""
        content = self.described.get("requestBody", {}).get("content", {})
        return content["application/json"]["schema"] if content else None

    def parameters(self, place):
        return [parameter for parameter in self.described["parameters"] if parameter["in"] == place]

    def parameter(self, name):
        return next((parameter for parameter in self.described["parameters"] if parameter["name"] == name), None)

    @property
    def promises(self):
        """Each (id, status, code) that it may answer; the code of a success is empty."""
        for status, response in self.responses.items():
            for code in self.document.codes(response) or [""]:
                yield self.id, status, code


class Document:
    def __init__(self, text):
        self.root = json.loads(text)
        self.operations = [Operation(self, template, method.upper(), described)
                           for template, methods in self.root["paths"].items()
                           for method, described in methods.items()]
        # Of two that fit, the one with more words of its own comes first.
        self.operations.sort(key=lambda operation: len(operation.names))
        self.refusals = {int(status): self.resolve(response)
                         for status, response in self.root.get("x-refusals", {}).items()}
        self.validators = {}

    def resolve(self, value):
        while "$ref" in value:
            found = self.root
            for part in value["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            value = found
        return value

    def codes(self, response):
        content = response.get("content", {}).get("application/problem+json")
        return content["schema"]["allOf"][1]["properties"]["code"]["enum"] if content else []

    def find(self, method, path):
        """The operation, or None."""
        method = "GET" if method == "HEAD" else method
        return next((operation for operation in self.operations
                     if operation.method == method and operation.values(path) is not None), None)

    def wrong(self, schema, value):
        """What is wrong with a value, as (JSON Pointer, sentence), the first of it."""
        key = id(schema)
        if key not in self.validators:
            whole = {"allOf": [schema], "components": self.root["components"]}
            self.validators[key] = jsonschema.Draft202012Validator(whole, format_checker=formats)
        error = next(self.validators[key].iter_errors(value), None)
        return error and ("".join(f"/{part}" for part in error.absolute_path), error.message[:300])

    def violations(self, answer):
        """Sentences, one for each promise that is broken."""
        path = answer.path.partition("?")[0]
        if not path.startswith(API) or answer.method == "OPTIONS":
            return []
        operation = self.find(answer.method, path)
        described = [response for response in (operation and operation.responses.get(answer.status),
                                               self.refusal(operation, answer.status)) if response]
        if not described:
            return [f"{answer}: the status is not listed"]
        return min((self.differences(answer, response) for response in described), key=len)

    def refusal(self, operation, status):
        """What is refused before a route is found; that none is found, only where there is none."""
        return self.refusals.get(status) if operation is None or status not in (404, 405) else None

    def differences(self, answer, response):
        found = self.wrong_headers(answer, response)
        return found if answer.method == "HEAD" else found + self.wrong_body(answer, response)

    def wrong_headers(self, answer, response):
        declared = {name.lower(): self.resolve(header) for name, header in response.get("headers", {}).items()}
        found = [f"{answer}: the header {name} is not declared"
                 for name in answer.headers if name not in declared and name not in COMMON_HEADERS]
        found += [f"{answer}: the header {name} is missing"
                  for name, header in declared.items() if header.get("required") and name not in answer.headers]
        return found

    def wrong_body(self, answer, response):
        content = response.get("content", {})
        if not content:
            return [f"{answer}: has a body"] if answer.body else []
        if answer.media not in content:
            return [f"{answer}: is {answer.media or 'of no media type'}, not {' or '.join(content)}"]
        if not answer.media.endswith("json"):
            return []
        if not answer.is_json:
            return [f"{answer}: is no JSON"]
        error = self.wrong(content[answer.media]["schema"], answer.json)
        found = [f"{answer}: {error[0] or '/'}: {error[1]}"] if error else []
        if answer.media == "application/problem+json" and not found:
            if answer.json["status"] != answer.status:
                found.append(f"{answer}: the problem says {answer.json['status']}")
            if answer.json["request_id"] != answer.headers.get("x-request-id"):
                found.append(f"{answer}: the problem is of another request")
            if answer.code in WITH_DETAIL and not answer.json.get("detail"):
                found.append(f"{answer}: nothing says why")
        return found

    def seen(self, answer):
        """Which promise was kept: (id, status, code), or None."""
        operation = self.find(answer.method, answer.path.partition("?")[0])
        return (operation.id, answer.status, answer.code) if operation else None

