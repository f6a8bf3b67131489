"""The file formats of images: arrays in one file, and folders of image files."""
