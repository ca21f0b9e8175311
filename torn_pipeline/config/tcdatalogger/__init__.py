"""TCdatalogger's config file, and how it becomes ours.

Here belongs what is known of that format: how its file is read (``reading``) and what its URLs mean (``address``),
what becomes of its entries (``converting``), and how the result is written down (``writing``). Not here: what has a
contract, which the caller says. Only ``cli`` imports it.
"""

from torn_pipeline.config.tcdatalogger.writing import Imported, import_config

__all__ = ["Imported", "import_config"]
