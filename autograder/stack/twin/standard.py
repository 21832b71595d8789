"""Files that every installation of a balancer has and that a config folder under version control often lacks."""

from __future__ import annotations

import posixpath

_TYPES = """
text/html html htm shtml; text/css css; text/xml xml; image/gif gif; image/jpeg jpeg jpg; application/javascript js;
application/atom+xml atom; application/rss+xml rss; text/mathml mml; text/plain txt; text/vnd.wap.wml wml;
text/x-component htc; image/avif avif; image/png png; image/svg+xml svg svgz; image/tiff tif tiff; image/webp webp;
image/vnd.wap.wbmp wbmp; image/x-icon ico; image/x-jng jng; image/x-ms-bmp bmp; font/woff woff; font/woff2 woff2;
application/java-archive jar war ear; application/json json; application/mac-binhex40 hqx; application/msword doc;
application/pdf pdf; application/postscript ps eps ai; application/rtf rtf; application/vnd.apple.mpegurl m3u8;
application/vnd.ms-excel xls; application/vnd.ms-fontobject eot; application/vnd.ms-powerpoint ppt;
application/wasm wasm; application/x-7z-compressed 7z; application/x-cocoa cco; application/x-java-jnlp-file jnlp;
application/x-perl pl pm; application/x-pilot prc pdb; application/x-rar-compressed rar;
application/x-redhat-package-manager rpm; application/x-shockwave-flash swf; application/x-stuffit sit;
application/x-x509-ca-cert der pem crt; application/xhtml+xml xhtml; application/xspf+xml xspf; application/zip zip;
application/octet-stream bin exe dll deb dmg iso img msi msp msm; audio/midi mid midi kar; audio/mpeg mp3;
audio/ogg ogg; audio/x-m4a m4a; audio/x-realaudio ra; video/3gpp 3gpp 3gp; video/mp2t ts; video/mp4 mp4;
video/mpeg mpeg mpg; video/quicktime mov; video/webm webm; video/x-flv flv; video/x-m4v m4v; video/x-mng mng;
video/x-ms-asf asx asf; video/x-ms-wmv wmv; video/x-msvideo avi;
"""
_CGI = """
QUERY_STRING $query_string
REQUEST_METHOD $request_method
CONTENT_TYPE $content_type
CONTENT_LENGTH $content_length
REQUEST_URI $request_uri
DOCUMENT_URI $document_uri
DOCUMENT_ROOT $document_root
SERVER_PROTOCOL $server_protocol
REQUEST_SCHEME $scheme
REMOTE_ADDR $remote_addr
REMOTE_PORT $remote_port
SERVER_PORT $server_port
SERVER_NAME $server_name
"""


def _params(kind: str, *more: str) -> str:
    lines = [*_CGI.strip().splitlines(), *more]
    return "".join("{}_param {} {};\n".format(kind, *line.split(" ", 1)) for line in lines) + (
        f"{kind}_param HTTPS $https if_not_empty;\n"
    )


_SCRIPT = "SCRIPT_NAME $fastcgi_script_name"
_FILES = {
    "mime.types": f"types {{{_TYPES}}}\n",
    "fastcgi_params": _params("fastcgi", _SCRIPT, "GATEWAY_INTERFACE CGI/1.1", "REDIRECT_STATUS 200"),
    "fastcgi.conf": _params(
        "fastcgi",
        _SCRIPT,
        "SCRIPT_FILENAME $document_root$fastcgi_script_name",
        "GATEWAY_INTERFACE CGI/1.1",
        "REDIRECT_STATUS 200",
    ),
    "uwsgi_params": _params("uwsgi", "PATH_INFO $document_uri"),
    "scgi_params": _params("scgi", "SCGI 1", "PATH_INFO $document_uri"),
    "proxy_params": (
        "proxy_set_header Host $http_host;\nproxy_set_header X-Real-IP $remote_addr;\n"
        "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\nproxy_set_header X-Forwarded-Proto $scheme;\n"
    ),
    "fastcgi-php.conf": (
        "fastcgi_split_path_info ^(.+?\\.php)(/.*)$;\ntry_files $fastcgi_script_name =404;\n"
        "set $path_info $fastcgi_path_info;\nfastcgi_param PATH_INFO $path_info;\nfastcgi_index index.php;\n"
        "include fastcgi.conf;\n"
    ),
    "koi-utf": "",
    "koi-win": "",
    "win-utf": "",
    "options-ssl-nginx.conf": (
        "ssl_session_cache shared:le_nginx_SSL:10m;\nssl_session_timeout 1440m;\nssl_session_tickets off;\n"
        "ssl_protocols TLSv1.2 TLSv1.3;\nssl_prefer_server_ciphers off;\n"
    ),
}
_BRING = {"fastcgi-php.conf": "fastcgi.conf"}


def standard_files(path: str, home: str) -> dict[str, bytes] | None:
    """What stands at ``path`` in every installation, and what that includes itself; None if nothing does.

    Keys are absolute paths.
    """
    name = posixpath.basename(path)
    if name not in _FILES:
        return None
    found = {path: _FILES[name].encode()}
    if other := _BRING.get(name):
        found[f"{home}/{other}"] = _FILES[other].encode()
    return found
