"""The control room in JupyterLab: what is seen of an open lab, drawn and kept up to date in the page.

:mod:`.panel` is the widget's end in the kernel, :mod:`.wire` what goes over, :mod:`.page` the page's end: plain ES
modules and style sheets in ``page/``, joined without a build step.
"""
