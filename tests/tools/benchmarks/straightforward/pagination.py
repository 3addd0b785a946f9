from typing import Any

from rest_framework.pagination import PageNumberPagination
from rest_framework.response import Response


class LinkPagination(PageNumberPagination):
    page_size_query_param = "per_page"
    max_page_size = 100

    def get_paginated_response(self, data: Any) -> Response:
        links = {"next": self.get_next_link(), "prev": self.get_previous_link()}
        return Response(data, headers={"Link": ",".join(f'<{u}>; rel="{r}"' for r, u in links.items() if u)})
