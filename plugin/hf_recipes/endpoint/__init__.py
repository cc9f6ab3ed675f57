"""Models behind an endpoint that speaks OpenAI's HTTP interface: references, servers of a person's own, vLLM, judges.

`exchange` is one request with its limits; `client` asks many, repeats what a server asks to have repeated, and says what
is wrong in one sentence. It has no dependency on OpenAI's own client: that one sends an organisation, a project and other
headers out of the environment to whatever address it is given, and follows redirects with the row in the body.
"""
